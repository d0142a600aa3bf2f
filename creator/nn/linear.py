"""The fully connected layer."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding
from creator.nn.slots import Choice
from creator.nn.weighted import OUTPUT, WEIGHT, Weighted
from creator.quantize import Gradients, StraightThrough
from creator.quantize.fixed_point import Fast, fast
from creator.quantize.on_grid import is_on_grid


class Linear(Weighted, torch.nn.Linear):
    """``quantize(x @ quantize(weight).T + quantize(bias))``: products and sums exact, rounded once at the output.

    Shapes: input (batch, in_features), output (batch, out_features). The parameters are those of ``torch.nn.Linear``.

    Args:
        in_features, out_features: sizes, at least 1.
        formats: ``accumulator`` and ``multiplier_bits``; these and the other arguments are explained by
            :class:`~creator.nn.weighted.Weighted`.
    """

    channel_axis = -1

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool | FixedPoint = True,
        weight: Choice = WEIGHT,
        output: Choice = OUTPUT,
        rounding: Rounding = Rounding.HALF_EVEN,
        overflow: Overflow = Overflow.SATURATE,
        ste: StraightThrough = StraightThrough.MASKED,
        gradient: FixedPoint | Gradients | None = None,
        device: Any = None,
        dtype: Any = None,
        **formats: Any,
    ) -> None:
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise CreatorError(f"{name}={size!r} is not a positive integer", "Linear")
        super().__init__(in_features, out_features, bias is not False, device=device, dtype=dtype)
        self._init_formats(weight, bias, output, rounding, overflow, ste, gradient, **formats)

    def product(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        return F.linear(x, weight, bias)

    def compute(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        if self.training and (bias is None or bias is self._parameters["bias"]):
            constants = self._fast.get(x.dtype, _UNKNOWN)
            if constants is _UNKNOWN:
                constants = self._fast[x.dtype] = self._constants(x.dtype)
            if constants is not None and weight.dtype is x.dtype and not torch.is_autocast_enabled(x.device.type):
                return _FastLinear.apply(x, weight, bias, constants)  # type: ignore[no-any-return]
        return super().compute(x, weight, bias)

    def _constants(self, dtype: torch.dtype) -> _Constants | None:
        """What the one-step path needs; ``None`` where a quantizer, a rounding or a width is in its way."""
        if self.weight_quantizer is not None or self.output_quantizer is not None:
            return None
        if self.rounding is not Rounding.HALF_EVEN or self.overflow is not Overflow.SATURATE:
            return None
        formats = (self._weight_format, self.bias_format, self.output_format)
        found = [fast(fmt, dtype) if isinstance(fmt, FixedPoint) else None for fmt in formats]
        if None in found:
            return None
        grads = self.gradient
        chosen = [None if fmt is None else fast(fmt, dtype) for fmt in (grads.activation, grads.weight, grads.bias)]
        wanted = [fmt for fmt in (grads.activation, grads.weight, grads.bias) if fmt is not None]
        if wanted and (grads.rounding is not Rounding.HALF_EVEN or chosen.count(None) != 3 - len(wanted)):
            return None
        return _Constants(formats[:2], *found, *chosen, self.ste is StraightThrough.MASKED)  # type: ignore[call-arg, arg-type]

    def extra_repr(self) -> str:
        return f"{self.in_features} -> {self.out_features}, {self._formats_repr()}"


_UNKNOWN: Any = object()


class _Constants(NamedTuple):
    formats: tuple[FixedPoint, FixedPoint]
    weight: Fast
    bias: Fast
    output: Fast
    grad_activation: Fast | None
    grad_weight: Fast | None
    grad_bias: Fast | None
    masked: bool


class _FastLinear(torch.autograd.Function):
    """The whole layer as one step of autograd: the same numbers as :meth:`Weighted.compute` in training, in half the time."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None,
                constants: _Constants) -> torch.Tensor:  # fmt: skip
        w = weight if is_on_grid(weight, constants.formats[0]) else constants.weight.rounded(weight)
        b = bias
        if bias is not None and not is_on_grid(bias, constants.formats[1]):
            b = constants.bias.rounded(bias)
        y = F.linear(x, w, b)
        ctx.constants = constants
        ctx.save_for_backward(x, w, weight, b, bias, y)
        return constants.output.rounded(y)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        x, w, weight, b, bias, y = ctx.saved_tensors
        constants: _Constants = ctx.constants
        need_x, need_weight, need_bias, _ = ctx.needs_input_grad
        masked, grid = constants.masked, constants.grad_activation
        grad = grads[0]
        if masked:
            grad = constants.output.masked(grad, y, grid)
        elif grid is not None:
            grad = grid.rounded(grad)
        grad_x = grad.matmul(w) if need_x else None
        grad_weight = grad_bias = None
        if x.ndim != 2:
            grad, x = grad.reshape(-1, grad.shape[-1]), x.reshape(-1, x.shape[-1])
        if need_weight:
            grad_weight = grad.t().mm(x)
            if constants.grad_weight is not None:
                constants.grad_weight.round_into(grad_weight)
            if masked and w is not weight:
                grad_weight = constants.weight.masked(grad_weight, weight)
        if need_bias:
            grad_bias = grad.sum(0) if constants.grad_bias is None else constants.grad_bias.summed(grad, grid)
            if masked and b is not bias:
                grad_bias = constants.bias.masked(grad_bias, bias)
        return grad_x, grad_weight, grad_bias, None

"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from creator.errors import CreatorError
from creator.formats import MAX_FRAC_BITS, FixedPoint, Overflow, Rounding
from creator.nn.exact import OutputQuantizer, checked_format, exact_linear
from creator.quantize import Gradients, StraightThrough, fake_quantize, quantize_gradient

WEIGHT = FixedPoint(8, 6)
OUTPUT = FixedPoint(8, 4)


def default_bias(output: FixedPoint) -> FixedPoint:
    """A signed format with the range of ``output`` and four more fractional bits; none more where that is very wide."""
    finer = 4 if output.total_bits <= 40 else 0
    return FixedPoint(output.total_bits + finer + (not output.signed), min(output.frac_bits + finer, MAX_FRAC_BITS))


def version_of(y: torch.Tensor) -> int | None:
    """Counts in-place changes of ``y``; ``None`` in inference mode, where torch does not count."""
    return None if y.is_inference() else y._version


class Linear(torch.nn.Linear):
    """``quantize(x @ quantize(weight).T + quantize(bias))``: products and sums exact, rounded once at the output.

    Shapes: input (batch, in_features), output (batch, out_features). The parameters are those of ``torch.nn.Linear``, kept in
    floating point; the forward pass uses their quantized values (to nearest even, saturating).

    Args:
        in_features, out_features: sizes, at least 1.
        bias: whether there is one, or its format; the default is signed, with the range of ``output`` and four more
            fractional bits. A ``BatchNorm1d`` that follows folds its shift into the bias.
        weight: format of the weights.
        output: format of the result.
        rounding, overflow: how the exact sum becomes a code of ``output``.
        ste: gradient of every rounding in the layer, masked or identity.
        gradient: formats of the gradients: a :class:`~creator.quantize.Gradients`, one format for all of them, or ``None``.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool | FixedPoint = True,
        weight: FixedPoint = WEIGHT,
        output: FixedPoint = OUTPUT,
        rounding: Rounding = Rounding.HALF_EVEN,
        overflow: Overflow = Overflow.SATURATE,
        ste: StraightThrough = StraightThrough.MASKED,
        gradient: FixedPoint | Gradients | None = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise CreatorError(f"{name}={size!r} is not a positive integer", "Linear")
        super().__init__(in_features, out_features, bias is not False, device=device, dtype=dtype)
        self.weight_format = checked_format(weight, "weight", self)
        self.quantizer = OutputQuantizer(checked_format(output, "output", self), rounding, overflow, ste)
        self.bias_format = default_bias(output) if isinstance(bias, bool) else checked_format(bias, "bias", self)
        self.gradient = Gradients.of(gradient)

    @property
    def output_format(self) -> FixedPoint:
        return self.quantizer.format

    def quantized(
        self, weight: torch.Tensor, bias: torch.Tensor | None, training: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """``weight`` and ``bias`` on the layer's grids; in float64, exactly, unless ``training``.

        Raises:
            CreatorError: outside training, for NaN and infinities, which saturation would hide.
        """
        if not training:
            weight, bias = weight.double(), None if bias is None else bias.double()
            for name, tensor in (("weight", weight), ("bias", bias)):
                if tensor is not None and not bool(torch.isfinite(tensor).all()):
                    raise CreatorError(f"its {name} is NaN or infinite", hint="training diverged; restore an earlier state")
        ste = self.quantizer.ste
        grads = self.gradient
        weight = quantize_gradient(fake_quantize(weight, self.weight_format, ste=ste), grads.weight, grads.rounding)
        if bias is not None:
            bias = quantize_gradient(fake_quantize(bias, self.bias_format, ste=ste), grads.bias, grads.rounding)
        return weight, bias

    def finish(self, y: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """The layer's output from its exact sum."""
        y = quantize_gradient(y, self.gradient.activation, self.gradient.rounding)
        return self.quantizer(y, self.training, dtype)

    def compute(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """The forward pass with the given floating-point parameters in place of the layer's own."""
        weight, bias = self.quantized(weight, bias, self.training)
        y = F.linear(x, weight, bias) if self.training else exact_linear(x, weight, bias)
        return self.finish(y, x.dtype)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        y = self.compute(input, self.weight, self.bias)
        # A BatchNorm1d that follows folds itself into this layer, for which it needs the layer and its input.
        y.creator_source = (self, input, version_of(y))  # type: ignore[attr-defined]
        return y

    def extra_repr(self) -> str:
        bias = "no bias" if self.bias is None else f"bias {self.bias_format}"
        return f"{self.in_features} -> {self.out_features}, weight {self.weight_format}, {bias}, output {self.quantizer!r}"

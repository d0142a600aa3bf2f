"""Learned step sizes.

Source: Esser, McKinstry, Bablani, Appuswamy, Modha 2020, "Learned Step Size Quantization" (arXiv:1902.08153), section 2. That
the rounding of an exponent passes its gradient unchanged is from Jain et al. 2020 (arXiv:1903.08066), section 3.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from creator.affine import Format, simplest
from creator.errors import CreatorError
from creator.formats import MAX_FRAC_BITS, Rounding
from creator.quantize.affine import Number
from creator.quantize.float_bits import power_of_two as powers
from creator.quantize.learned import Learned, gradients, quantized, rounding_of

_SMALLEST, _LARGEST = 2.0**-MAX_FRAC_BITS, 2.0**MAX_FRAC_BITS
_DIVERGED = "lower the learning rate of the steps, learn them with power_of_two=True, or restore an earlier state"


def _checked(scale: torch.Tensor, ndim: int, axis: int | None) -> torch.Tensor:
    """``scale`` in the shape in which it broadcasts against values with ``ndim`` axes."""
    if axis is None:
        if scale.numel() != 1:
            raise CreatorError(f"{scale.numel()} learned steps need an axis", hint="pass ch_axis")
    elif not -ndim <= axis < ndim:
        raise CreatorError(f"axis {axis} of learned steps is not one of {ndim}")
    ends = (scale, scale) if scale.numel() == 1 else torch.aminmax(scale)
    low, high = (float(end) for end in ends)
    if not (low >= _SMALLEST and high <= _LARGEST):  # false for NaN as well
        bad = high if low >= _SMALLEST else low
        raise CreatorError(f"a learned step is {bad:g}, not between 2**-126 and 2**126", hint=_DIVERGED)
    return _along(scale, ndim, axis)


def _along(tensor: torch.Tensor, ndim: int, axis: int | None) -> torch.Tensor:
    if axis is None:
        return tensor.reshape(())
    shape = [1] * ndim
    shape[axis] = -1
    return tensor.reshape(shape)


class LSQQuantize(torch.autograd.Function):
    """``(clamp(round(x / s) + z, quant_min, quant_max) - z) * s``, with a gradient for s.

    The gradient of ``x`` is g where ``quant_min <= round(x / s) + z <= quant_max``, zero elsewhere. That of ``scale`` is
    ``grad_factor`` times the sum of ``g * (round(x / s) - x / s)`` inside, ``g * (quant_min - z)`` below and
    ``g * (quant_max - z)`` above. x / s is x * (1 / s), as in torch's kernels.

    Args:
        x: floating-point, any shape. NaN becomes the smallest code unless ``nan_is_low`` is false.
        scale: positive; one element, or one for each index along ``ch_axis``.
        zero_point: integers, one or one for each index along ``ch_axis``; without a gradient.
        grad_factor: of the scale's gradient; the paper takes 1 / sqrt(numel * quant_max).
        quant_min, quant_max: the range of codes.
        ch_axis: any axis, also negative; ``None`` for one scale.
        rounding_key: a Rounding, or AMD Quark's 2 (half up), 3 (half away) or 8 (half to even).
        nan_is_low: as in torch's kernels; false keeps NaN, so that the loss shows it.

    Raises:
        CreatorError: for a scale outside 2**-126 ... 2**126 and an axis that ``x`` does not have.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, scale: torch.Tensor, zero_point: Number, grad_factor: float, quant_min: int,
                quant_max: int, ch_axis: int | None = None, rounding_key: int | str = 8,
                nan_is_low: bool = True) -> torch.Tensor:  # fmt: skip
        """See the class."""
        steps = _checked(scale, x.ndim, ch_axis)
        if ch_axis is not None and scale.numel() != x.shape[ch_axis]:
            what = f"{scale.numel()} learned steps do not fit axis {ch_axis} of values of shape {tuple(x.shape)}"
            raise CreatorError(what, hint="use a quantizer for each layer")
        if isinstance(zero_point, torch.Tensor):
            zero_point = _along(zero_point, x.ndim, None if zero_point.numel() == 1 else ch_axis)
        ctx.choice = (scale.shape, scale.dtype, grad_factor, ch_axis)
        return quantized(ctx, x, steps, zero_point, quant_min, quant_max, rounding_of(rounding_key), nan_is_low)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        """The gradients of the values and of the scale."""
        shape, dtype, factor, axis = ctx.choice
        grad_x, grad_scale = gradients(ctx, grads[0], axis)
        if grad_scale is not None:
            grad_scale = (grad_scale * factor).to(dtype).reshape(shape)
        return grad_x, grad_scale, None, None, None, None, None, None, None


class _PowerOfTwo(torch.autograd.Function):
    """``2**round(log2_scale)``; the rounding passes the gradient unchanged, so it is g * s * ln 2."""

    @staticmethod
    def forward(ctx: Any, log2_scale: torch.Tensor) -> torch.Tensor:
        exponents = torch.round(log2_scale)
        if not bool((exponents.abs() <= MAX_FRAC_BITS).all()):
            raise CreatorError("the log2 of a learned step is NaN or outside -126 ... 126", hint=_DIVERGED)
        scale = powers(exponents.long(), torch.float64).to(log2_scale.dtype)
        ctx.save_for_backward(scale)
        return scale

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        return grads[0] * ctx.saved_tensors[0] * math.log(2.0)


class LSQ(Learned):
    """A step size that training finds, one for the tensor or one for each index along an axis.

    The start is 2 * mean|x| / sqrt(quant_max), the mean over the tensor or over one index; several batches of calibration start
    from the mean of their steps. An index that is zero everywhere starts from the whole tensor's step. The gradient's factor is
    1 / sqrt(x.numel() * quant_max).

    Args:
        bits: width, up to 24.
        signed: two's complement, or unsigned.
        axis: the axis with a step for each index, also negative; ``None`` for one step.
        power_of_two: learns log2 s, and uses s = 2**round(log2 s), ties to even: a shift in hardware. Nearest, not up: the
            start balances rounding against clipping, and a factor below sqrt(2) either way changes that least.
        rounding: of values to codes, in both directions.

    Parameters: ``scale``, or ``log2_scale`` with ``power_of_two``. With an axis it has one element until the first data says
    how many; it is the same parameter afterwards, so an optimizer may be made before. From one batch in training to the next a
    step falls to half of its value at most: Adam, whose steps do not depend on the gradient's size, would make it negative.
    """

    scale: torch.nn.Parameter
    log2_scale: torch.nn.Parameter

    def __init__(
        self,
        bits: int = 8,
        signed: bool = True,
        axis: int | None = None,
        power_of_two: bool = False,
        rounding: Rounding = Rounding.HALF_EVEN,
    ) -> None:
        super().__init__(bits, signed, rounding)
        if axis is not None and (isinstance(axis, bool) or not isinstance(axis, int)):
            raise CreatorError(f"axis={axis!r} is not an integer", "LSQ", "pass the axis of the channels, or None")
        self.axis, self.power_of_two = axis, bool(power_of_two)
        self._last: torch.Tensor | None = None
        empty = torch.ones(() if axis is None else (1,))
        if self.power_of_two:
            self.log2_scale = torch.nn.Parameter(empty.zero_())
        else:
            self.scale = torch.nn.Parameter(empty)

    @property
    def per_channel(self) -> bool:
        """Whether each index along an axis has a step of its own."""
        return self.axis is not None

    def _parameter(self) -> torch.nn.Parameter:
        return self.log2_scale if self.power_of_two else self.scale

    def _start(self, x: torch.Tensor, before: int) -> None:
        step = whole = x.abs().mean()
        if self.axis is not None:
            if not -x.ndim <= self.axis < x.ndim:
                raise CreatorError(f"axis {self.axis} of learned steps is not one of {x.ndim}", self.where)
            others = [k for k in range(x.ndim) if k != self.axis % x.ndim]
            means = x.abs().mean(others) if others else x.abs()
            step = torch.where(means > 0, means, whole)
        step = (step * (2.0 / math.sqrt(self.high))).clamp_(_SMALLEST, _LARGEST)
        parameter = self._parameter()
        if before and parameter.shape != step.shape:
            raise CreatorError(
                f"batches have {parameter.numel()} and {step.numel()} channels", self.where, "use a quantizer for each layer"
            )
        if before:
            old = (parameter.exp2() if self.power_of_two else parameter).to(step)
            step = (old * before + step) / (before + 1)
        parameter.data = (step.log2() if self.power_of_two else step).to(parameter)

    def _hold_positive(self) -> None:
        """Lets a step fall to half of what it was in the last batch at most: an optimizer's step must not make it negative."""
        with torch.no_grad():
            if self._last is not None and self._last.shape == self.scale.shape and self._last.device == self.scale.device:
                self.scale.copy_(torch.maximum(self.scale, self._last / 2))
            self._last = self.scale.detach().clone()

    def steps(self) -> torch.Tensor:
        """The step or the steps in use, differentiable."""
        return _PowerOfTwo.apply(self.log2_scale) if self.power_of_two else self.scale  # type: ignore[no-any-return]

    def _quantize(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and not self.power_of_two:
            self._hold_positive()
        factor = 1.0 / math.sqrt(max(x.numel(), 1) * self.high)
        return LSQQuantize.apply(x, self.steps(), 0, factor, self.low, self.high, self.axis, self.rounding, False)

    @property
    def format(self) -> Format:
        """The format of the steps as they are now: a FixedPoint where there is one and it is a power of two, else an Affine.

        Raises:
            CreatorError: before there is a step, and for one that is not positive or beyond the formats.
        """
        self._check_started()
        steps = _checked(self.steps().detach(), 1, None if self.axis is None else 0).double()
        scale = float(steps) if self.axis is None else tuple(steps.tolist())
        return simplest(scale, 0, self.low, self.high, self.axis)

"""Activations made of straight lines whose slopes are quantized: exact products with no table, for inputs of any width."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding
from creator.nn.exact import exact_sum
from creator.nn.slots import OutputQuantizer, checked_format
from creator.quantize import Gradients, StraightThrough, fake_quantize, quantize_gradient

SLOPE = FixedPoint(8, 7)
_WIDE = FixedPoint(8, 4)


def quantized_slope(weight: torch.Tensor, fmt: FixedPoint) -> torch.Tensor:
    """Slopes on the grid of ``fmt``, to nearest even and saturating, in their own dtype.

    Raises:
        CreatorError: for NaN and infinities.
    """
    if not bool(torch.isfinite(weight).all()):
        raise CreatorError("its slope is NaN or infinite", hint="training diverged; restore an earlier state")
    return fake_quantize(weight, fmt)


def exact_line(x: torch.Tensor, slope: torch.Tensor, everywhere: bool = False) -> torch.Tensor:
    """``x * slope``, of negative x only or of all, in float64; refused where that might not be exact.

    ``slope`` has shape (1,), or (channels,) for an x of shape (batch, channels, ...).
    """

    def product(values: torch.Tensor, slopes: torch.Tensor, _: torch.Tensor | None) -> torch.Tensor:
        return values * slopes[0] if everywhere else F.prelu(values, slopes[:, 0])

    return exact_sum(product, x, slope[:, None], None)


class PReLU(torch.nn.PReLU):
    """``x`` if x > 0, else ``slope * x`` with a slope that is learned, one or one for each channel.

    The slope is quantized, the product is exact, and the result is rounded once. A PReLU of one slope is made of sums of
    shifted inputs; one of several takes a small multiplier.

    Args:
        num_parameters: 1, or the number of channels, axis 1 of the input.
        init: of the slopes.
        slope: their format. They are rounded to nearest even and saturate.
        output: format of the result.
        rounding, overflow: how the exact value becomes a code.
        ste: gradient of the rounding, masked or identity.
        gradient: format of the gradient that arrives at the output, or ``None``.
    """

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        slope: FixedPoint = SLOPE,
        output: FixedPoint = _WIDE,
        rounding: Rounding = Rounding.HALF_EVEN,
        overflow: Overflow = Overflow.SATURATE,
        ste: StraightThrough = StraightThrough.MASKED,
        gradient: FixedPoint | None = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if isinstance(num_parameters, bool) or not isinstance(num_parameters, int) or num_parameters < 1:
            raise CreatorError(f"num_parameters={num_parameters!r} is not a positive number", "PReLU")
        super().__init__(num_parameters, init, device, dtype)
        self.slope_format = checked_format(slope, "slope", self)
        self.quantizer = OutputQuantizer(checked_format(output, "output", self), rounding, overflow, ste)
        self.gradient = None if gradient is None else checked_format(gradient, "gradient", self)

    @property
    def output_format(self) -> FixedPoint:
        assert isinstance(self.quantizer.format, FixedPoint)
        return self.quantizer.format

    def slopes(self) -> torch.Tensor:
        """The quantized slopes, shape (num_parameters,), in the dtype of the parameter."""
        return quantized_slope(self.weight, self.slope_format)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        try:
            if self.num_parameters > 1 and (input.ndim < 2 or input.shape[1] != self.num_parameters):
                what = f"an input of shape {tuple(input.shape)} does not have {self.num_parameters} channels along axis 1"
                raise CreatorError(what)
            slopes = self.slopes()
            y = F.prelu(input, slopes.to(input.dtype)) if self.training else exact_line(input, slopes.double())
            return self.quantizer(quantize_gradient(y, self.gradient), self.training, input.dtype, Gradients())
        except CreatorError as error:
            raise error.at(type(self).__name__) from None

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, slope {self.slope_format}, output {self.quantizer!r}"

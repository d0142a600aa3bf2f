"""The entry to the integer world, and a change of format inside a network."""

from __future__ import annotations

import math

import numpy as np
import torch

from creator.errors import CreatorError
from creator.formats import MAX_FRAC_BITS, FixedPoint, Overflow, Rounding, round_float
from creator.nn.exact import OutputQuantizer, checked_format
from creator.quantize import StraightThrough, quantize_gradient


class Quantize(torch.nn.Module):
    """Brings values of any shape onto the grid of a format.

    As the first layer it defines the network's input format and costs nothing in hardware; elsewhere it becomes a
    requantizer of its own.

    Args:
        format: the output format. ``None`` leaves it to :meth:`calibrate`; used before that, the layer refuses.
        rounding, overflow: how values become codes.
        ste: gradient of the rounding, masked or identity.
        gradient: format of the gradient that passes back through the layer, or ``None``.
    """

    def __init__(
        self,
        format: FixedPoint | None = None,
        rounding: Rounding = Rounding.HALF_EVEN,
        overflow: Overflow = Overflow.SATURATE,
        ste: StraightThrough = StraightThrough.MASKED,
        gradient: FixedPoint | None = None,
    ) -> None:
        super().__init__()
        self._choices = (Rounding(rounding), Overflow(overflow), StraightThrough(ste))
        self.gradient = None if gradient is None else checked_format(gradient, "gradient", self)
        self._quantizer: OutputQuantizer | None = None
        if format is not None:
            self._quantizer = OutputQuantizer(checked_format(format, "format", self), *self._choices)

    @property
    def quantizer(self) -> OutputQuantizer:
        if self._quantizer is None:
            raise CreatorError("Quantize has no format yet", hint="call calibrate(values) or pass a FixedPoint")
        return self._quantizer

    @property
    def output_format(self) -> FixedPoint:
        return self.quantizer.format

    def calibrate(self, values: torch.Tensor, total_bits: int = 8, signed: bool = True) -> FixedPoint:
        """Chooses, and returns, the format of ``total_bits`` with the finest step that does not saturate on ``values``."""
        if not values.numel() or not bool(torch.isfinite(values).all()):
            raise CreatorError("cannot calibrate on no values, or on NaN or infinite ones", "Quantize")
        low, high = float(values.detach().min()), float(values.detach().max())
        if not signed and low < 0:
            raise CreatorError("cannot calibrate an unsigned format on negative values", "Quantize", "use signed=True")
        _, exponent = math.frexp(max(-low, high))
        fmt = FixedPoint(total_bits, min(total_bits - exponent + 1, MAX_FRAC_BITS), signed)
        while not self._holds(fmt, low, high):
            fmt = FixedPoint(total_bits, fmt.frac_bits - 1, signed)
        self._quantizer = OutputQuantizer(fmt, *self._choices)
        return fmt

    def _holds(self, fmt: FixedPoint, low: float, high: float) -> bool:
        """Whether both values, rounded as the layer rounds, lie in the range of ``fmt``."""
        rounding = self._choices[0]
        nearest = Rounding.HALF_EVEN if rounding is Rounding.STOCHASTIC else rounding
        codes = round_float(np.ldexp(np.array([low, high]), fmt.frac_bits), nearest)
        return bool(fmt.min_code <= codes[0] and codes[1] <= fmt.max_code)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.quantizer(quantize_gradient(x, self.gradient), self.training, x.dtype)

    def extra_repr(self) -> str:
        return "not calibrated" if self._quantizer is None else repr(self._quantizer)

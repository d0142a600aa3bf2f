"""The entry to the integer world, and a change of format inside a network."""

from __future__ import annotations

import math

import torch

from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding
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
        largest = float(values.detach().abs().max())
        if not math.isfinite(largest):
            raise CreatorError("cannot calibrate on NaN or infinite values", "Quantize")
        if not signed and bool((values < 0).any()):
            raise CreatorError("cannot calibrate an unsigned format on negative values", "Quantize", "use signed=True")
        _, exponent = math.frexp(largest)
        frac_bits = total_bits - signed - exponent
        rounded_up = round(math.ldexp(largest, frac_bits)) > (1 << (total_bits - signed)) - 1
        self._quantizer = OutputQuantizer(FixedPoint(total_bits, frac_bits - rounded_up, signed), *self._choices)
        return self.output_format

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.quantizer(quantize_gradient(x, self.gradient), self.training, x.dtype)

    def extra_repr(self) -> str:
        return "not calibrated" if self._quantizer is None else repr(self._quantizer)

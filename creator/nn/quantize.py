"""The entry to the integer world, and a change of format inside a network."""

from __future__ import annotations

import math

import numpy as np
import torch

from creator.affine import MULTIPLIER_BITS, Affine, Format
from creator.errors import CreatorError
from creator.formats import MAX_FRAC_BITS, FixedPoint, Overflow, Rounding, round_float
from creator.nn.requantize import Requantizer
from creator.nn.slots import (
    BlockOutput,
    Choice,
    FloatOutput,
    OutputQuantizer,
    check_scales,
    checked_choice,
    checked_format,
    observed,
    with_gradient_of,
)
from creator.quantize import StraightThrough, quantize_gradient
from creator.quantize.float_quantizer import BlockQuantizer, FloatQuantizer
from creator.quantize.quantizer import Quantizer

ONE = FixedPoint(2, 0)
"""The format of the weight 1, by which a change of scale multiplies."""


class Quantize(torch.nn.Module):
    """Brings values of any shape onto the grid of a format.

    As the first layer it defines the network's input format and costs nothing in hardware; elsewhere it becomes a
    requantizer of its own. Between arbitrary scales that is ``clip(round((q - z_x) * M / 2**n) + z_y)`` on codes q, in
    hardware and in eval mode, as soon as :func:`creator.convert` has told the layer the format of its input.

    Args:
        format: the output format, or a quantizer that observes or learns it. ``None`` leaves it to :meth:`calibrate`; used
            before that, the layer refuses.
        rounding, overflow: how values become codes.
        ste: gradient of the rounding, masked or identity.
        gradient: format of the gradient that passes back through the layer, or ``None``.
        multiplier_bits: width of the multiplier between arbitrary scales.
    """

    where = ""
    """The layer's module path, for errors, as far as it is known."""

    def __init__(
        self,
        format: Choice | None = None,
        rounding: Rounding = Rounding.HALF_EVEN,
        overflow: Overflow = Overflow.SATURATE,
        ste: StraightThrough = StraightThrough.MASKED,
        gradient: FixedPoint | None = None,
        multiplier_bits: int = MULTIPLIER_BITS,
    ) -> None:
        super().__init__()
        if isinstance(multiplier_bits, bool) or not isinstance(multiplier_bits, int) or not 1 <= multiplier_bits <= 31:
            raise CreatorError(f"multiplier_bits={multiplier_bits!r} is not 1 to 31 bits", type(self).__name__)
        self.multiplier_bits = multiplier_bits
        self.input_format: Format | None = None
        self._choices = (Rounding(rounding), Overflow(overflow), StraightThrough(ste))
        self.gradient = None if gradient is None else checked_format(gradient, "gradient", self)
        self._quantizer: OutputQuantizer | None = None
        self.output_quantizer: Quantizer | None = None
        if format is not None:
            self.set_formats(output=checked_choice(format, "format", self))

    def set_formats(self, weight: None = None, output: Choice | None = None) -> None:
        """Replaces the output format; there are no weights."""
        if output is not None:
            output = checked_choice(output, "format", self)
            self.output_quantizer = output if isinstance(output, Quantizer) else None
            self._quantizer = None if isinstance(output, Quantizer) else OutputQuantizer(output, *self._choices)

    @property
    def quantizer(self) -> OutputQuantizer:
        if isinstance(self.output_quantizer, FloatQuantizer):
            return FloatOutput(self.output_quantizer, *self._choices[:2])
        if isinstance(self.output_quantizer, BlockQuantizer):
            return BlockOutput(self.output_quantizer, *self._choices[:2])
        if self.output_quantizer is not None:
            return OutputQuantizer(self.output_quantizer.format, *self._choices)
        if self._quantizer is None:
            raise CreatorError("Quantize has no format yet", hint="call calibrate(values) or pass a FixedPoint")
        return self._quantizer

    @property
    def treats_blocks(self) -> bool:
        """Whether it rounds blocks of neighbours, along :attr:`block_axis`."""
        return isinstance(self.output_quantizer, BlockQuantizer)

    @property
    def block_axis(self) -> int:
        """The axis along which blocks lie, the batch being axis 0."""
        assert isinstance(self.output_quantizer, BlockQuantizer)
        return self.output_quantizer.axis

    @property
    def output_format(self) -> Format:
        return self.output_quantizer.format if self.output_quantizer and self.treats_blocks else self.quantizer.format

    def check_formats(self) -> None:
        """Refuses formats that integer arithmetic cannot bring together."""
        requantizer = self.requantizer()
        _ = requantizer and requantizer.multiplier

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
        self.set_formats(output=fmt)
        return fmt

    def _holds(self, fmt: FixedPoint, low: float, high: float) -> bool:
        """Whether both values, rounded as the layer rounds, lie in the range of ``fmt``."""
        rounding = self._choices[0]
        nearest = Rounding.HALF_EVEN if rounding is Rounding.STOCHASTIC else rounding
        codes = round_float(np.ldexp(np.array([low, high]), fmt.frac_bits), nearest)
        return bool(fmt.min_code <= codes[0] and codes[1] <= fmt.max_code)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        try:
            return self._forward(x)
        except CreatorError as error:
            raise error.at(self.where) from None

    def _forward(self, x: torch.Tensor) -> torch.Tensor:
        x = quantize_gradient(x, self.gradient)
        if self.output_quantizer is not None and (self.training or not has_format(self.output_quantizer)):
            return observed(self.output_quantizer, x)
        return self.changed(x, self.input_format)

    def changed(self, x: torch.Tensor, source: Format | None) -> torch.Tensor:
        """``x``, of the format ``source`` if that is known, brought to the output's format."""
        requantizer = None if self.training else self.requantizer_from(source)
        if requantizer is None:
            return self.quantizer(x, self.training, x.dtype)
        return with_gradient_of(self.quantizer(x, True, torch.float64), requantizer.rescaled(x))

    def requantizer(self) -> Requantizer | None:
        """:meth:`requantizer_from` the format of the input."""
        return self.requantizer_from(self.input_format)

    def requantizer_from(self, source: Format | None) -> Requantizer | None:
        """The change from one arbitrary scale to another; ``None`` between powers of two, and where the input has no format.

        Raises:
            CreatorError: for formats that integer arithmetic cannot bring together.
        """
        if self.treats_blocks and not isinstance(source, Affine):
            return None
        output = self.output_format
        if source is None or not (isinstance(source, Affine) or isinstance(output, Affine)):
            return None
        check_scales(self.output_quantizer)
        rounding, overflow, _ = self._choices
        return Requantizer(source, ONE, output, rounding, overflow, self.multiplier_bits)

    def extra_repr(self) -> str:
        quantizer = self.output_quantizer or self._quantizer
        return "not calibrated" if quantizer is None else repr(quantizer)


def has_format(quantizer: Quantizer) -> bool:
    """Whether a quantizer has observed enough to have a format."""
    try:
        if isinstance(quantizer, FloatQuantizer):
            return bool(quantizer.grid)
        if isinstance(quantizer, BlockQuantizer):
            return bool(quantizer.microscaling())
        return bool(quantizer.format)
    except CreatorError:
        return False

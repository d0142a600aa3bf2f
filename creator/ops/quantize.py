"""Change of format, elementwise: a requantizer of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from creator.affine import Affine
from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray, Overflow, Rounding, bits_for, requantize
from creator.ops.base import Interval, Lanes, Op, TensorType, Timing, beats, check_limits, check_overflow, limited

MAX_SHIFTED_BITS = 64
"""Of a value on its output's grid, before it is limited; more is a mistake in a format."""


@dataclass(frozen=True)
class Quantize(Op):
    """``clip(requantize(x), low, high)``, elementwise on any shape, between formats whose steps are powers of two.

    Args:
        output: format of the result.
        rounding, overflow: how a code becomes one of ``output``.
        low, high: clamp of the result, in its codes; an activation merged into the requantizer.
    """

    name: ClassVar[str] = "quantize"

    output: FixedPoint
    rounding: Rounding
    overflow: Overflow
    low: int
    high: int

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        if isinstance(inputs[0].format, Affine) or isinstance(self.output, Affine):
            raise CreatorError(
                f"a change from {inputs[0].format} to {self.output} is no shift by a power of two",
                hint="between formats with a scale or a zero point, the operation is rescale",
            )
        check_overflow(self.output, self.rounding, self.overflow)
        check_limits(self.low, self.high, self.output)
        return TensorType(inputs[0].shape, self.output)

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        rounded = rounded_interval(intervals[0], inputs[0].format.frac_bits - self.output.frac_bits, self.rounding)
        return limited(rounded, self.output, self.overflow, self.low, self.high)

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        codes = requantize(values[0], inputs[0].format.frac_bits, self.output, self.rounding, self.overflow)
        return np.clip(codes, self.low, self.high)

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        delay = requantizer_stages(inputs[0].format.frac_bits - self.output.frac_bits, self.rounding)
        return Timing(beats(inputs[0].size, lanes.input), delay)


def requantizer_stages(shift: int, rounding: Rounding, zero_point: int = 0) -> int:
    """Pipeline stages of a requantizer that drops ``shift`` bits: one that adds, if there is something to add, and one that
    limits. What is added is the zero point and, unless rounding only drops bits, a carry."""
    return 2 if (shift > 0 and rounding is not Rounding.FLOOR) or zero_point else 1


def rounded_interval(interval: Interval, shift: int, rounding: Rounding) -> Interval:
    """Bounds of round(code * 2**-shift), in unbounded integers, before overflow: rounding is monotonic, so the ends suffice."""
    if bits_for(*interval) - shift > MAX_SHIFTED_BITS:
        raise CreatorError(
            f"its output is {-shift} bits finer than what it rounds, so nearly every value overflows",
            hint="give the output fewer fractional bits",
        )
    return Interval(*(round_exactly(code, shift, rounding) for code in interval))


def round_exactly(code: int, shift: int, rounding: Rounding) -> int:
    """round(code * 2**-shift) of one code, in unbounded integers."""
    if shift <= 0:
        return code << -shift
    kept, dropped = code >> shift, code & ((1 << shift) - 1)
    half = 1 << (shift - 1)
    match rounding:
        case Rounding.HALF_EVEN:
            return kept + (dropped > half or (dropped == half and kept & 1 == 1))
        case Rounding.HALF_UP:
            return kept + (dropped >= half)
        case Rounding.HALF_AWAY:
            return kept + (dropped > half or (dropped == half and code > 0))
        case Rounding.TOWARD_ZERO:
            return kept + (dropped != 0 and code < 0)
    return kept

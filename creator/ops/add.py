"""The sum or the difference of two values, elementwise: aligned exactly, rounded once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray, Overflow, Rounding, bits_for, requantize
from creator.ops.base import (
    MAX_BITS,
    Interval,
    Lanes,
    Op,
    TensorType,
    Timing,
    beats,
    check_limits,
    check_operands,
    check_overflow,
    limited,
)
from creator.ops.quantize import requantizer_stages, rounded_interval


@dataclass(frozen=True)
class Add(Op):
    """``clip(requantize(a + sign * b), low, high)``, elementwise on two values of one shape.

    The grid of the sum is the finer of the operands' grids; on it the sum is exact.

    Args:
        output: format of the result.
        rounding, overflow: how a sum becomes a code of ``output``.
        low, high: clamp of the result, in its codes; an activation merged into the requantizer.
        sign: 1 for a sum, -1 for a difference.
    """

    name: ClassVar[str] = "add"
    arity: ClassVar[int] = 2

    output: FixedPoint
    rounding: Rounding
    overflow: Overflow
    low: int
    high: int
    sign: int = 1

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        check_operands(self.name, inputs, self.output)
        check_overflow(self.output, self.rounding, self.overflow)
        check_limits(self.low, self.high, self.output)
        if self.sign not in (1, -1):
            raise CreatorError(f"its sign {self.sign} is neither 1 nor -1")
        return TensorType(inputs[0].shape, self.output)

    def frac_bits(self, inputs: tuple[TensorType, ...]) -> int:
        """Fractional bits of the sum."""
        return max(x.format.frac_bits for x in inputs)

    def shifts(self, inputs: tuple[TensorType, ...]) -> tuple[int, int]:
        """Bits by which each operand is shifted left onto the grid of the sum."""
        a, b = (self.frac_bits(inputs) - x.format.frac_bits for x in inputs)
        return a, b

    def sums(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        """Bounds of the sums, on their grid."""
        shifts = self.shifts(inputs)
        if max(shifts) > MAX_BITS:
            raise CreatorError(
                f"an operand is {max(shifts)} bits finer than the other", hint="bring both closer with nn.Quantize"
            )
        a, b = (Interval(low << shift, high << shift) for (low, high), shift in zip(intervals, shifts, strict=True))
        return Interval(a.low + b.low, a.high + b.high) if self.sign == 1 else Interval(a.low - b.high, a.high - b.low)

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        sums = self.sums(inputs, intervals)
        # Each operand on the grid of the sum is computed too.
        needed = max(bits_for(*self.sums(inputs, tuple(Interval.of(x.format) for x in inputs))), bits_for(*sums))
        if needed > MAX_BITS:
            raise CreatorError(
                f"its sums need {needed} bits, more than {MAX_BITS}, the most that PyTorch can evaluate exactly",
                hint="use narrower formats, or bring both closer with nn.Quantize",
            )
        rounded = rounded_interval(sums, self.frac_bits(inputs) - self.output.frac_bits, self.rounding)
        return limited(rounded, self.output, self.overflow, self.low, self.high)

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        shifts = self.shifts(inputs)
        sums = (values[0] << shifts[0]) + self.sign * (values[1] << shifts[1])
        codes = requantize(sums, self.frac_bits(inputs), self.output, self.rounding, self.overflow)
        return np.clip(codes, self.low, self.high)

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        stages = requantizer_stages(self.frac_bits(inputs) - self.output.frac_bits, self.rounding)
        return Timing(beats(inputs[0].size, lanes.input), 1 + stages)

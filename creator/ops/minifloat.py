"""Rounding to a floating-point format of few bits: integers on the grid of its smallest number go in and out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from creator.affine import Format
from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray, Rounding, bits_for, check_rounding, shift_round
from creator.ops.base import MAX_BITS, Interval, Lanes, Op, TensorType, Timing, beats, check_limits
from creator.ops.quantize import MAX_SHIFTED_BITS, round_exactly

STAGES = 6
"""Registers of its core: magnitude, the bits that are dropped, what is added, the sum, the sign, the limits."""


@dataclass(frozen=True)
class Minifloat(Op):
    """``clip(round(x), low, high)``, elementwise on any shape, to numbers of at most ``mantissa + 1`` significant bits.

    A result is a multiple of the step of ``output``, the smallest subnormal, and where it has more than ``mantissa + 1`` bits,
    a multiple of the power of two that leaves so many. It is rounded as if the exponent had no end, and limited then.

    Args:
        output: format of the result: every number of the floating-point format has a code, and most codes do not occur.
        mantissa: bits of a number below its leading one.
        rounding: how a value between two numbers becomes one of them; the even one has a last bit of 0.
        low, high: the ends of the floating-point format, in codes of ``output``, or a narrower clamp merged into it.
    """

    name: ClassVar[str] = "minifloat"

    output: FixedPoint
    mantissa: int
    rounding: Rounding
    low: int
    high: int

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        if not isinstance(inputs[0].format, FixedPoint) or not isinstance(self.output, FixedPoint):
            raise CreatorError(
                f"a change from {inputs[0].format} to {self.output} is none between powers of two",
                hint="use fixed-point or floating-point formats before a floating-point output",
            )
        check_rounding(self.rounding)
        check_limits(self.low, self.high, self.output)
        if not 0 <= self.mantissa <= MAX_BITS:
            raise CreatorError(f"a mantissa of {self.mantissa} bits is not 0 to {MAX_BITS}")
        return TensorType(inputs[0].shape, self.output)

    def shift(self, fmt: Format) -> int:
        """Bits below the output's step in a code of ``fmt``; negative if its step is the coarser one."""
        return fmt.frac_bits - self.output.frac_bits

    def rounded(self, fmt: Format, interval: Interval) -> Interval:
        """Bounds of the rounded codes before they are limited: rounding is monotonic, so the ends suffice."""
        shift = self.shift(fmt)
        if bits_for(*interval) - shift > MAX_SHIFTED_BITS:
            raise CreatorError(
                f"its output is {-shift} bits finer than what it rounds, so nearly every value overflows",
                hint="choose a format with larger numbers, or give the quantizer a scale",
            )
        return Interval(*(self._exactly(code, shift) for code in interval))

    def _exactly(self, code: int, shift: int) -> int:
        dropped = max(abs(code).bit_length() - self.mantissa - 1, shift, 0)
        return round_exactly(code, dropped, self.rounding) << (dropped - shift)

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        low, high = self.rounded(inputs[0].format, intervals[0])
        return Interval(min(max(low, self.low), self.high), min(max(high, self.low), self.high))

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        codes, shift, bits = values[0], self.shift(inputs[0].format), self.output.total_bits
        if shift < 0:  # what is beyond the output's codes stays beyond them, and fits int64
            shift = max(shift, -bits)
            beyond = 1 << (bits + shift)
            codes = np.clip(codes, -beyond, beyond)
        _, lengths = np.frexp(np.abs(codes).astype(np.float64))
        dropped = np.maximum(lengths - self.mantissa - 1, max(shift, 0))
        result = np.zeros_like(codes)
        for count in np.unique(dropped).tolist():
            chosen = dropped == count
            result[chosen] = shift_round(codes[chosen], count, self.rounding) << (count - shift)
        return np.clip(result, self.low, self.high)

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        return Timing(beats(inputs[0].size, lanes.input), STAGES)

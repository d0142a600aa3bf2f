"""Rounding to a microscaling format: integers whose precision follows from the largest of their block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray, Rounding, check_rounding, shift_round
from creator.ops.base import MAX_BITS, Interval, Lanes, Op, TensorType, Timing, beats, divisors

FRONT_STAGES = 1
"""Registers before the store: sign and magnitude."""

STAGES = 8
"""From the store on: its output and a register, leading ones, the bits that are dropped, what is added, sum, limit, sign."""


@dataclass(frozen=True)
class Microscale(Op):
    """Rounds each block of neighbours along the last axis to elements that share an exponent.

    Let ``2**p`` be the highest power of two in the largest magnitude of a block. An element of it, with ``2**e`` in its own
    magnitude, keeps its bits from ``max(e, p - depth) - digits + 1`` up; what is below is rounded. Results are limited to
    ``least * 2**(p - digits + 1)`` ... ``largest * 2**(p - digits + 1)``. A block of zeros stays as it is.

    All results lie on the input's own grid: what drops no bits is exact there.

    Source: OCP Microscaling Formats (MX) Specification 1.0, 2023, section 6.3. An element with ``m`` bits of mantissa and
    exponents from ``a`` to ``b`` has ``m + 1`` digits and depth ``b - a``, an integer element of ``n`` bits ``n - 1`` and 0.

    Args:
        block: elements that share an exponent; a row shorter than that is one block.
        digits: significant bits of an element.
        depth: exponents below the largest at which an element still has all digits.
        largest: the largest element, in units of its last place: all ones, or one less where that code is a NaN.
        least: the most negative element: ``-largest``, or one less of integers whose largest is all ones.
        rounding: how a value between two numbers becomes one of them.
    """

    name: ClassVar[str] = "microscale"

    block: int
    digits: int
    depth: int
    largest: int
    least: int
    rounding: Rounding

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        if not isinstance(x.format, FixedPoint):
            raise CreatorError(
                f"{x.format} has an arbitrary scale, and exponents are shared between powers of two",
                hint="use fixed-point formats before a microscaling format",
            )
        check_rounding(self.rounding)
        if self.block < 1 or not 1 <= self.digits <= 24 or not 0 <= self.depth <= 254:
            raise CreatorError(f"blocks of {self.block}, {self.digits} digits, depth {self.depth} are no microscaling format")
        if self.largest not in ((1 << self.digits) - 1, (1 << self.digits) - 2) or self.largest < 1:
            raise CreatorError(f"its largest element {self.largest} is not the last code of {self.digits} digits, or one less")
        integers = self.depth == 0 and (self.least, self.largest) == (-(1 << self.digits), (1 << self.digits) - 1)
        if self.least != -self.largest and not integers:
            raise CreatorError(f"its elements from {self.least} to {self.largest} are neither floating-point nor integers")
        if x.shape[-1] % self.row_block(x):
            raise CreatorError(
                f"blocks of {self.block} do not divide its {x.shape[-1]} channels", hint="use a block size that does"
            )
        return TensorType(x.shape, results_in(x.format))

    def row_block(self, x: TensorType) -> int:
        """Elements of a block in a row."""
        return min(self.block, x.shape[-1])

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        low, high = intervals[0]
        most = max(-low, high)
        # Rounding is monotonic and leaves powers of two as they are, up to that of the block's largest magnitude.
        power, ones = 1 << max(most - 1, 0).bit_length(), (1 << most.bit_length()) - 1
        below = min(power, ones - self.largest - self.least) if low < 0 else 0
        return Interval(-below, min(power, ones) if high > 0 else 0)

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        blocks = values[0].reshape(len(values[0]), -1, self.row_block(inputs[0]))
        lengths = _lengths(blocks)
        most = lengths.max(axis=-1, keepdims=True)
        dropped = np.maximum(np.maximum(lengths, most - self.depth) - self.digits, 0)
        result = np.empty_like(blocks)
        for count in np.unique(dropped).tolist():
            chosen = dropped == count
            result[chosen] = shift_round(blocks[chosen], count, self.rounding) << count
        places = np.maximum(most - self.digits, 0)  # below, magnitudes are all within the ends
        return np.clip(result, self.least << places, self.largest << places).reshape(values[0].shape)

    # Hardware.

    def words(self, x: TensorType, lanes: Lanes) -> int:
        """Beats of a block."""
        return self.row_block(x) // lanes.input

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        (x,) = inputs
        return Timing(beats(x.size, lanes.input), FRONT_STAGES + self.words(x, lanes) + STAGES)

    def lane_choices(self, inputs: tuple[TensorType, ...], result: TensorType) -> tuple[Sequence[int], None]:
        return divisors(self.row_block(inputs[0])), None


def results_in(fmt: FixedPoint) -> FixedPoint:
    """The format of the results for inputs of ``fmt``: its step, and room for the magnitude of its most negative code."""
    bits = fmt.total_bits + (fmt.signed and not fmt.symmetric)
    if bits > MAX_BITS:
        raise CreatorError(
            f"its results need {bits} bits, more than {MAX_BITS}", hint="use a narrower format before it, or a symmetric one"
        )
    return FixedPoint(bits, fmt.frac_bits, fmt.signed)


def _lengths(codes: IntArray) -> IntArray:
    """Bits of each magnitude; codes have at most 52."""
    return np.frexp(np.abs(codes).astype(np.float64))[1].astype(np.int64)

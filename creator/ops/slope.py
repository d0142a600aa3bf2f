"""A line through zero, or two that meet there, elementwise: PReLU, and with an offset the hard sigmoid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from creator.affine import Affine
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
    check_overflow,
    deep_stages,
    frozen_array,
    limited,
)
from creator.ops.quantize import requantizer_stages, rounded_interval
from creator.ops.rescale import PART_BITS

SLOPE_BITS = 24
MAX_FRAC_BITS = 48


@dataclass(frozen=True, eq=False)
class Slope(Op):
    """``clip(requantize(x * s), low, high)``, elementwise on any shape.

    ``s`` is ``slopes[c] / 2**frac_bits`` where x < 0, and 1 elsewhere: a PReLU. With ``everywhere`` it is that slope for every
    x, and ``offset`` is added before rounding. ``c`` is the index along the last axis. Products are exact.

    Args:
        slopes: int64, of up to 24 bits, shape (channels,) with the size of the last axis, or (1,).
        frac_bits: of the slopes, 0 to 48.
        output: format of the result.
        rounding, overflow: how the exact value becomes a code of ``output``.
        low, high: clamp of the result, in its codes; an activation merged into the requantizer.
        everywhere: 1 if x >= 0 is multiplied too, else 0.
        offset: added to the product, on its grid; 0 unless ``everywhere``.
    """

    name: ClassVar[str] = "slope"

    slopes: IntArray
    frac_bits: int
    output: FixedPoint
    rounding: Rounding
    overflow: Overflow
    low: int
    high: int
    everywhere: int = 0
    offset: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "slopes", frozen_array(self.slopes))

    @property
    def distinct(self) -> tuple[int, ...]:
        """The slopes that the hardware needs: one where all are alike, else one for each channel."""
        slopes = tuple(self.slopes.tolist())
        return slopes[:1] if len(set(slopes)) == 1 else slopes

    @property
    def slope_bits(self) -> int:
        """Width of the slopes, as signed numbers."""
        return bits_for(min(self.distinct), max(self.distinct))

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        if isinstance(x.format, Affine) or isinstance(self.output, Affine):
            raise CreatorError(
                f"a slope from {x.format} to {self.output} is not computed in hardware",
                hint="use formats whose scale is a power of two, or a table: nn.LeakyReLU of at most 12 input bits",
            )
        check_overflow(self.output, self.rounding, self.overflow)
        result = TensorType(x.shape, self.output)
        check_limits(self.low, self.high, self.output)
        if self.slopes.shape not in ((1,), x.shape[-1:]):
            raise CreatorError(
                f"slopes of shape {self.slopes.shape} do not fit values of shape {x.shape}",
                hint=f"give one slope, or {x.shape[-1]}: one for each index along the last axis",
            )
        if self.slope_bits > SLOPE_BITS:
            raise CreatorError(f"a slope has more than {SLOPE_BITS} bits", hint="use a narrower format")
        if not 0 <= self.frac_bits <= MAX_FRAC_BITS or self.everywhere not in (0, 1):
            raise CreatorError(f"slopes of {self.frac_bits} fractional bits are not 0 to {MAX_FRAC_BITS}")
        if not self.everywhere and (self.offset or not x.format.signed):
            raise CreatorError("a slope of negative values needs a signed input and no offset")
        return result

    def grid(self, x: TensorType) -> int:
        """Fractional bits of the exact value."""
        return x.format.frac_bits + self.frac_bits

    def exact(self, interval: Interval) -> Interval:
        """Bounds of the exact value."""
        low, high = interval
        found: list[int] = []
        if low < 0 or self.everywhere:
            ends = (low, high if self.everywhere else min(high, -1))
            found += [end * slope for end in ends for slope in set(self.distinct)]
        if high >= 0 and not self.everywhere:
            found += [max(low, 0) << self.frac_bits, high << self.frac_bits]
        return Interval(min(found) + self.offset, max(found) + self.offset)

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        (x,) = inputs
        needed = bits_for(*self.exact(Interval.of(x.format)))
        if needed > MAX_BITS:
            raise CreatorError(
                f"its products need {needed} bits, more than {MAX_BITS}, the most that PyTorch can evaluate exactly",
                hint="use slopes of fewer bits, or a narrower input",
            )
        rounded = rounded_interval(self.exact(intervals[0]), self.grid(x) - self.output.frac_bits, self.rounding)
        return limited(rounded, self.output, self.overflow, self.low, self.high)

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        (x,) = values
        products = x * self.slopes
        exact = products + self.offset if self.everywhere else np.where(x < 0, products, x << self.frac_bits)
        codes = requantize(exact, self.grid(inputs[0]), self.output, self.rounding, self.overflow)
        return np.clip(codes, self.low, self.high)

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        (x,) = inputs
        stages = self.memory_stages(x, lanes) + self.value_stages(x) + self.requantizer_stages(x)
        return Timing(beats(x.size, lanes.input), stages)

    def slope_words(self, x: TensorType, lanes: Lanes) -> int:
        """Beats until the slopes repeat or the frame ends."""
        return beats(min(math.lcm(len(self.distinct), lanes.input), x.size), lanes.input)

    def memory_stages(self, x: TensorType, lanes: Lanes) -> int:
        """Pipeline stages of the memory of several slopes: its register, those of a deep one, and one after it."""
        return 2 + deep_stages(self.slope_words(x, lanes)) if len(self.distinct) > 1 else 0

    def parts(self, x: TensorType) -> tuple[int, int]:
        """Into how many parts an operand and a slope are cut for multiplier blocks."""
        return -(-max(1, self.operand_bits(x) - 1) // PART_BITS), -(-max(1, self.slope_bits - 1) // PART_BITS)

    def value_stages(self, x: TensorType) -> int:
        """Pipeline stages of the exact value: the sums of what a constant slope adds up, by pairs, or the operands, products
        and their sums; then the choice between the two lines."""
        if len(self.distinct) > 1:
            return 3 + (math.prod(self.parts(x)) - 1).bit_length()
        return 1 + (max(1, len(signed_digits(self.distinct[0]))) - 1).bit_length()

    def requantizer_stages(self, x: TensorType) -> int:
        """Pipeline stages from the exact value to the result."""
        return requantizer_stages(self.grid(x) - self.output.frac_bits, self.rounding)

    @staticmethod
    def operand_bits(x: TensorType) -> int:
        """Width of the input as a signed number."""
        return x.format.total_bits + (not x.format.signed)


def signed_digits(value: int) -> tuple[tuple[int, int], ...]:
    """``value`` as the fewest powers of two added and subtracted: (place, 1 or -1), the lowest place first.

    That is the non-adjacent form: of two neighbouring digits one is zero.
    """
    found: list[tuple[int, int]] = []
    place = 0
    while value:
        if value & 1:
            digit = 2 - (value & 3)  # 1 where the next bit is 0, else -1, which carries into it
            found.append((place, digit))
            value -= digit
        value, place = value >> 1, place + 1
    return tuple(found)

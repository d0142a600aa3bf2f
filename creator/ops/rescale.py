"""Another scale, elementwise: a multiplier, a shift and one rounding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from creator.affine import MAX_SHIFT, Affine, Format, rescale
from creator.errors import CreatorError
from creator.formats import IntArray, Overflow, Rounding, bits_for, check_rounding
from creator.ops.base import Interval, Lanes, Op, TensorType, Timing, beats, check_limits, deep_stages, frozen_array, limited
from creator.ops.quantize import requantizer_stages, rounded_interval

FACTOR_BITS = 31
PRODUCT_BITS = 63
PART_BITS = 17
"""A multiplier block of common devices takes 18 signed bits: wider numbers are multiplied in parts of 17 bits and a sign."""


class Scaling(NamedTuple):
    """The same multiplication with the smallest numbers: ``factors`` without the power of two that all of them share.

    ``shift`` is then what remains to be dropped; negative if bits are appended instead.
    """

    factors: tuple[int, ...]
    shift: int

    @property
    def multiplies(self) -> bool:
        """Whether it takes a multiplier; a shift alone does where the only factor is a power of two."""
        return self.factors != (1,)

    @property
    def factor_bits(self) -> int:
        """Width of the largest factor, as an unsigned number."""
        return max(1, max(self.factors).bit_length())

    def parts(self, operand_bits: int) -> tuple[int, int]:
        """Into how many parts an operand and a factor are cut; each pair of parts is one multiplier block."""
        return max(1, -(-(operand_bits - 1) // PART_BITS)), -(-self.factor_bits // PART_BITS)


@dataclass(frozen=True, eq=False)
class Rescale(Op):
    """``clip(round((x - x0) * factors[c] / 2**shift) + y0, low, high)``, elementwise on any shape.

    ``c`` is the index along the last axis. ``x0`` and ``y0`` are the zero points of the input's format and of ``output``: 0 for
    a ``FixedPoint``. Codes count, not what they are worth: that ``factors / 2**shift`` is the ratio of the two scales is up to
    whoever makes the node. Results that ``output`` cannot hold saturate; there is no wrapping.

    Args:
        factors: int64, each 0 to 2**31 - 1, shape (channels,) with the size of the last axis, or (1,).
        shift: bits to drop, 0 to 62.
        output: format of the result.
        rounding: how a product becomes an integer.
        low, high: clamp of the result, in its codes; an activation merged into the requantizer.
    """

    name: ClassVar[str] = "rescale"

    factors: IntArray
    shift: int
    output: Format
    rounding: Rounding
    low: int
    high: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "factors", frozen_array(self.factors))

    @property
    def zero_point(self) -> int:
        """The code of the value zero in the result."""
        return zero_point(self.output)

    @property
    def scaling(self) -> Scaling:
        """What the hardware multiplies by: one factor where all are alike, and no zeros at the end of all of them."""
        factors = tuple(self.factors.tolist())
        factors = factors[:1] if len(set(factors)) == 1 else factors
        common = math.gcd(*factors) or 1
        zeros = (common & -common).bit_length() - 1
        return Scaling(tuple(factor >> zeros for factor in factors), self.shift - zeros)

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        check_rounding(self.rounding)
        result = TensorType(x.shape, self.output)
        check_limits(self.low, self.high, self.output)
        if self.factors.shape not in ((1,), x.shape[-1:]):
            raise CreatorError(
                f"factors of shape {self.factors.shape} do not fit values of shape {x.shape}",
                hint=f"give one factor, or {x.shape[-1]}: one for each index along the last axis",
            )
        if not 0 <= int(self.factors.min()) <= int(self.factors.max()) < 1 << FACTOR_BITS:
            raise CreatorError(f"a factor lies outside 0 ... 2**{FACTOR_BITS} - 1", hint="choose a multiplier of fewer bits")
        if not 0 <= self.shift <= MAX_SHIFT:
            raise CreatorError(f"the shift {self.shift} lies outside 0 ... {MAX_SHIFT}")
        return result

    def products(self, x: TensorType, interval: Interval) -> Interval:
        """Bounds of ``(x - x0) * factors``."""
        least, most = int(self.factors.min()), int(self.factors.max())
        low, high = centred(interval, x.format)
        return Interval(min(low * least, low * most), max(high * least, high * most))

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        products = self.products(inputs[0], intervals[0])
        needed = bits_for(*products)
        if needed > PRODUCT_BITS:
            raise CreatorError(
                f"its products need {needed} bits, more than {PRODUCT_BITS}, the most that can be computed exactly",
                hint="choose a multiplier of fewer bits, or narrower formats before it",
            )
        low, high = (code + self.zero_point for code in rounded_interval(products, self.shift, self.rounding))
        return limited(Interval(low, high), self.output, Overflow.SATURATE, self.low, self.high)

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        rounded = rescale(values[0] - zero_point(inputs[0].format), self.factors, self.shift, self.rounding)
        return np.clip(rounded + self.zero_point, self.low, self.high)

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        (x,) = inputs
        stages = self.memory_stages(x, lanes) + self.multiplier_stages(x) + self.requantizer_stages
        return Timing(beats(x.size, lanes.input), stages)

    def factor_words(self, x: TensorType, lanes: Lanes) -> int:
        """Beats until the factors repeat or the frame ends."""
        return beats(min(math.lcm(len(self.scaling.factors), lanes.input), x.size), lanes.input)

    def memory_stages(self, x: TensorType, lanes: Lanes) -> int:
        """Pipeline stages of the memory of several factors: its register, those of a deep one, and one after it."""
        return 2 + deep_stages(self.factor_words(x, lanes)) if len(self.scaling.factors) > 1 else 0

    def multiplier_stages(self, x: TensorType) -> int:
        """Pipeline stages of the product: operand, products of its parts, their sums by pairs.

        Without a multiplier there is only the operand, and that only where a zero point has to be subtracted.
        """
        if not self.scaling.multiplies:
            return 1 if zero_point(x.format) else 0
        return 2 + (math.prod(self.scaling.parts(operand_bits(x.format))) - 1).bit_length()

    @property
    def requantizer_stages(self) -> int:
        """Pipeline stages from the product to the result."""
        return requantizer_stages(self.scaling.shift, self.rounding, self.zero_point)


def zero_point(fmt: Format) -> int:
    """The code of the value zero in ``fmt``."""
    return fmt.zero_point if isinstance(fmt, Affine) else 0


def operand_bits(fmt: Format) -> int:
    """Width of a code of ``fmt`` less its zero point, as a signed number."""
    return bits_for(*centred(Interval.of(fmt), fmt))


def centred(interval: Interval, fmt: Format) -> Interval:
    """Bounds of the codes less the zero point of ``fmt``."""
    return Interval(interval.low - zero_point(fmt), interval.high - zero_point(fmt))

"""Fixed-point arithmetic on Python's unbounded integers and fractions: slow, obvious, and independent of ``creator``."""

from __future__ import annotations

import math
from fractions import Fraction

from creator import FixedPoint, Overflow, Rounding

ROUNDINGS = [rounding for rounding in Rounding if rounding is not Rounding.STOCHASTIC]
OVERFLOWS = list(Overflow)

HALF = Fraction(1, 2)


def power(exponent: int) -> Fraction:
    return Fraction(2) ** exponent


def rounded(value: Fraction, rounding: Rounding) -> int:
    """The integer that ``value`` becomes."""
    low = math.floor(value)
    fraction = value - low
    match rounding:
        case Rounding.HALF_EVEN:
            return low + (fraction > HALF or (fraction == HALF and low % 2 == 1))
        case Rounding.HALF_UP:
            return math.floor(value + HALF)
        case Rounding.HALF_AWAY:
            return math.floor(value + HALF) if value >= 0 else math.ceil(value - HALF)
        case Rounding.FLOOR:
            return low
        case Rounding.TOWARD_ZERO:
            return low if value >= 0 else math.ceil(value)
    raise AssertionError(rounding)


def code_range(fmt: FixedPoint) -> tuple[int, int]:
    """The smallest and the largest code."""
    if not fmt.signed:
        return 0, 2**fmt.total_bits - 1
    return -(2 ** (fmt.total_bits - 1)) + (1 if fmt.symmetric else 0), 2 ** (fmt.total_bits - 1) - 1


def limited(code: int, fmt: FixedPoint, overflow: Overflow) -> int:
    """The code of the format that an unbounded code becomes."""
    low, high = code_range(fmt)
    if overflow is Overflow.SATURATE:
        return min(max(code, low), high)
    return (code - low) % 2**fmt.total_bits + low


def code_of(value: Fraction | float, fmt: FixedPoint, rounding: Rounding, overflow: Overflow) -> int:
    """The code that a value becomes: rounded first, limited after."""
    return limited(rounded(Fraction(value) * power(fmt.frac_bits), rounding), fmt, overflow)

"""Number formats and their exact arithmetic: the specification that every other part follows.

A *code* is the integer that hardware stores. Its value is ``code * 2**-frac_bits``. Everything here works on int64 NumPy
arrays of codes and is exact for every int64 input; nothing is computed in floating point except the conversion from
floating-point values to codes, which is exact as well (scaling by a power of two and rounding a float64 lose nothing).

The order is fixed: *round first, clamp after*. ``docs/numerics.md`` states the same rules in words.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from creator.errors import CreatorError

IntArray = npt.NDArray[np.int64]

MAX_TOTAL_BITS = 63
"""Every code of every format fits int64, signed or not."""

MAX_FRAC_BITS = 126
"""The steps 2**-126 ... 2**126 are normal numbers in float32 and float64."""


class _Choice(enum.StrEnum):
    @classmethod
    def _missing_(cls, value: object) -> Any:
        known = ", ".join(repr(str(member)) for member in cls)
        raise CreatorError(f"unknown {cls.__name__.lower()} {value!r}", hint=f"choose one of {known}")


class Rounding(_Choice):
    """How a value between two codes becomes one of them."""

    HALF_EVEN = "half_even"  #: to nearest, ties to the even code (IEEE 754 roundTiesToEven)
    HALF_UP = "half_up"  #: to nearest, ties towards plus infinity
    HALF_AWAY = "half_away"  #: to nearest, ties away from zero
    FLOOR = "floor"  #: towards minus infinity: drops bits
    TOWARD_ZERO = "toward_zero"  #: drops the fraction of the magnitude
    STOCHASTIC = "stochastic"  #: up with the probability of the fraction; training only


class Overflow(_Choice):
    """What happens to a rounded value that the format cannot hold."""

    SATURATE = "saturate"  #: the nearest end of the range
    WRAP = "wrap"  #: the low bits, two's complement


@dataclass(frozen=True)
class FixedPoint:
    """A fixed-point format: ``total_bits`` bits, value = code * 2**-``frac_bits``.

    Args:
        total_bits: width in bits, sign included, 1 to 63.
        frac_bits: position of the binary point, -126 to 126; may be negative or exceed ``total_bits``.
        signed: two's complement if true, else unsigned.
        symmetric: leaves out the most negative code, so that the range is symmetric around zero.

    Raises:
        CreatorError: for a width or position out of range, or ``symmetric`` where it leaves nothing or means nothing.
    """

    total_bits: int
    frac_bits: int
    signed: bool = True
    symmetric: bool = False

    def __post_init__(self) -> None:
        for name, limits in (("total_bits", (1, MAX_TOTAL_BITS)), ("frac_bits", (-MAX_FRAC_BITS, MAX_FRAC_BITS))):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
                raise CreatorError(f"{name} must be an integer, got {number!r}", "FixedPoint")
            if not limits[0] <= number <= limits[1]:
                raise CreatorError(f"{name}={number} is outside {limits[0]} ... {limits[1]}", "FixedPoint")
            object.__setattr__(self, name, int(number))
        for name in ("signed", "symmetric"):
            if not isinstance(getattr(self, name), (bool, np.bool_)):
                raise CreatorError(f"{name} must be True or False, got {getattr(self, name)!r}", "FixedPoint")
            object.__setattr__(self, name, bool(getattr(self, name)))
        if self.symmetric and (not self.signed or self.total_bits < 2):
            raise CreatorError("symmetric needs a signed format of at least 2 bits", "FixedPoint")

    @property
    def min_code(self) -> int:
        """The smallest code."""
        return -(1 << (self.total_bits - 1)) + self.symmetric if self.signed else 0

    @property
    def max_code(self) -> int:
        """The largest code."""
        return (1 << (self.total_bits - self.signed)) - 1

    @property
    def step(self) -> float:
        """The value of one unit: 2**-frac_bits."""
        return math.ldexp(1.0, -self.frac_bits)

    @property
    def min_value(self) -> float:
        """The smallest value, rounded to float64 where the format is wider than that."""
        return math.ldexp(self.min_code, -self.frac_bits)

    @property
    def max_value(self) -> float:
        """The largest value, rounded to float64 where the format is wider than that."""
        return math.ldexp(self.max_code, -self.frac_bits)

    def __str__(self) -> str:
        kind = "fixed" if self.signed else "ufixed"
        return f"{kind}<{self.total_bits},{self.frac_bits}{',symmetric' if self.symmetric else ''}>"

    def check(self, codes: npt.ArrayLike, where: str) -> IntArray:
        """``codes`` as an int64 array, refused with ``where`` if one is not an integer of this format."""
        array = np.asarray(codes)
        if array.dtype.kind not in "iu":
            raise CreatorError(
                f"expected integer codes of {self}, got dtype {array.dtype}",
                where,
                "convert values with format.to_integers(values)",
            )
        if array.size and (int(array.min()) < self.min_code or int(array.max()) > self.max_code):
            bad = int(array.max()) if int(array.max()) > self.max_code else int(array.min())
            raise CreatorError(f"code {bad} is outside {self}, which holds {self.min_code} ... {self.max_code}", where)
        return array.astype(np.int64)

    def to_integers(
        self,
        values: npt.ArrayLike,
        rounding: Rounding = Rounding.HALF_EVEN,
        overflow: Overflow = Overflow.SATURATE,
    ) -> IntArray:
        """The codes of floating-point ``values``, any shape, rounded first and clamped after, exactly.

        Raises:
            CreatorError: for NaN, for an infinity or a symmetric format that would have to wrap, and for
                ``Rounding.STOCHASTIC``.
        """
        overflow = check_wrap(self, Overflow(overflow))
        try:
            x = np.asarray(values, dtype=np.float64)
        except (ValueError, TypeError) as error:
            raise CreatorError(f"expected real numbers: {error}", str(self)) from None
        if np.isnan(x).any():
            raise CreatorError("NaN has no code", str(self))
        with np.errstate(over="ignore"):  # to an infinity, which saturates
            scaled = np.ldexp(x, self.frac_bits)
        # An underflow would lose on which side of zero a value lies, and floor needs that.
        lost = (np.abs(scaled) < 2.0**-1000) & (x != 0)
        scaled = np.where(lost, np.copysign(2.0**-1000, x), scaled)
        rounded = round_float(scaled, rounding)
        if overflow is Overflow.WRAP:
            if np.isinf(rounded).any():
                raise CreatorError("an infinity cannot wrap", str(self))
            return wrap(np.fmod(rounded, 2.0**self.total_bits).astype(np.int64), self)
        # Where a bound has more than 53 bits it is no float64, but its neighbour outside the range, a power of two, is.
        above, below = rounded >= float(self.max_code + 1), rounded <= float(self.min_code - 1)
        inside = np.where(above | below, 0.0, rounded).astype(np.int64)
        limited = np.where(above, self.max_code, np.where(below, self.min_code, inside))
        return np.clip(limited, self.min_code, self.max_code).astype(np.int64)

    def from_integers(self, codes: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The float64 values of integer ``codes``, any shape."""
        return np.ldexp(np.asarray(codes).astype(np.float64), -self.frac_bits)


def round_float(x: npt.NDArray[np.float64], rounding: Rounding) -> npt.NDArray[np.float64]:
    """Rounds float64 to integers, in float64, exactly.

    ``x - floor(x)`` is exact or is rounded to 1 from just below it, so comparing it with one half never errs; adding one
    half before ``floor`` would, at 0.49999999999999994.
    """
    match check_rounding(Rounding(rounding)):
        case Rounding.HALF_EVEN:
            return np.rint(x)
        case Rounding.FLOOR:
            return np.floor(x)
        case Rounding.TOWARD_ZERO:
            return np.trunc(x)
        case Rounding.HALF_UP:
            return _half_up(x)
        case _:
            return np.copysign(_half_up(np.abs(x)), x)


def _half_up(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    low = np.floor(x)
    with np.errstate(invalid="ignore"):  # inf - inf, which then compares false and leaves inf
        return low + (x - low >= 0.5)


def shift_round(codes: IntArray, shift: int, rounding: Rounding) -> IntArray:
    """round(codes * 2**-shift) for ``shift`` >= 0, exact for every int64 code and any shift."""
    rounding = check_rounding(Rounding(rounding))
    if shift == 0:
        return codes
    if shift > 62:
        # Keep 62 bits to drop; all bits below them matter only by being zero or not, so they collapse into the lowest.
        jam = min(shift - 62, 63)
        sticky = (codes & np.int64((1 << jam) - 1)) != 0
        codes, shift = (codes >> jam) | sticky.astype(np.int64), 62
    kept = codes >> shift
    dropped = codes - (kept << shift)
    half = np.int64(1 << (shift - 1))
    match rounding:
        case Rounding.HALF_EVEN:
            up = (dropped > half) | ((dropped == half) & (kept & 1 == 1))
        case Rounding.HALF_UP:
            up = dropped >= half
        case Rounding.HALF_AWAY:
            up = (dropped > half) | ((dropped == half) & (codes > 0))
        case Rounding.TOWARD_ZERO:
            up = (dropped != 0) & (codes < 0)
        case _:
            return kept
    rounded: IntArray = kept + up
    return rounded


def wrap(codes: IntArray, fmt: FixedPoint) -> IntArray:
    """The low ``total_bits`` bits of ``codes``, read as the format reads them."""
    low = codes & np.int64((1 << fmt.total_bits) - 1)
    if not fmt.signed:
        return low
    sign = np.int64(1 << (fmt.total_bits - 1))
    return (low ^ sign) - sign


def requantize(
    codes: IntArray,
    frac_bits: int,
    output: FixedPoint,
    rounding: Rounding = Rounding.HALF_EVEN,
    overflow: Overflow = Overflow.SATURATE,
) -> IntArray:
    """Codes on the grid 2**-``frac_bits`` as codes of ``output``: rounded first, then saturated or wrapped.

    Args:
        codes: int64, any shape, any values.
        frac_bits: the grid that they are on.
    """
    overflow, rounding = check_wrap(output, Overflow(overflow)), check_rounding(Rounding(rounding))
    shift = frac_bits - output.frac_bits
    if shift >= 0:
        rounded = shift_round(codes, shift, rounding)
        return wrap(rounded, output) if overflow is Overflow.WRAP else np.clip(rounded, output.min_code, output.max_code)
    left = -shift
    if overflow is Overflow.WRAP:
        return wrap(codes << left, output) if left < 63 else np.zeros_like(codes)
    # Saturate before shifting, where nothing can overflow: v * 2**left > max exactly if v > floor(max / 2**left).
    high, low = output.max_code >> left, -(-output.min_code >> left)
    shifted = np.clip(codes, low, high) << min(left, 62)
    return np.where(codes > high, output.max_code, np.where(codes < low, output.min_code, shifted)).astype(np.int64)


def check_rounding(rounding: Rounding) -> Rounding:
    """``rounding``, refused if it is for training only."""
    if rounding is Rounding.STOCHASTIC:
        raise CreatorError("stochastic rounding is for training only", hint="choose another rounding for inference")
    return rounding


def check_wrap(fmt: FixedPoint, overflow: Overflow) -> Overflow:
    """``overflow``, refused where the format cannot follow it."""
    if overflow is Overflow.WRAP and fmt.symmetric:
        raise CreatorError(f"{fmt} cannot wrap", hint="a symmetric format has no two's complement wrap; use saturate")
    return overflow


def bits_for(low: int, high: int) -> int:
    """The width of the narrowest two's complement number that holds every integer from ``low`` to ``high``."""
    return max((~low if low < 0 else low).bit_length(), (~high if high < 0 else high).bit_length()) + 1


def shares(amounts: IntArray, output: FixedPoint) -> IntArray:
    """``amounts`` over their sum along the last axis, as codes of ``output``: to nearest, ties up, then limited.

    Amounts are 0 or more, not all of them 0; their sum, shifted left by the fractional bits and one more, fits int64.
    """
    sums = amounts.sum(axis=-1, keepdims=True)
    quotients: IntArray = ((amounts << (output.frac_bits + 1)) + sums) // (2 * sums)
    return np.minimum(quotients, output.max_code)

"""The format with an arbitrary scale, and its integer requantization: a multiplier and a shift.

A value is ``(code - zero_point) * scale``. Between two such formats a sum of products is brought from one scale to another by
``round(sum * M / 2**n) + zero_point`` with integers M and n (Jacob et al. 2018, "Quantization and Training of Neural Networks
for Efficient Integer-Arithmetic-Only Inference", section 2.2). That integer formula *is* the meaning of the layer, in PyTorch
as in hardware; it approximates the real ratio of the scales to the width of M, and nothing depends on that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray, Rounding, round_float, shift_round

MULTIPLIER_BITS = 16
"""Of a multiplier unless told otherwise: with a sum of 18 bits it fits one multiplier block of every common device."""

MAX_AFFINE_BITS = 24
MAX_SHIFT = 62


@dataclass(frozen=True)
class Affine:
    """A format of ``bits`` bits, value = (code - ``zero_point``) * ``scale``.

    Args:
        scale: the value of one unit, positive; one number, or one for each index along ``axis``.
        zero_point: the code of the value zero; in the range of codes.
        bits: width, 1 to 24: float32 then tells every value from its neighbours.
        signed: two's complement codes if true, else unsigned ones.
        axis: the axis along which ``scale`` varies; ``None`` for one scale.
        symmetric: leaves out the most negative code.

    Raises:
        CreatorError: for a scale that is not positive and finite, and for what does not fit together.
    """

    scale: float | tuple[float, ...]
    zero_point: int = 0
    bits: int = 8
    signed: bool = True
    axis: int | None = None
    symmetric: bool = False

    def __post_init__(self) -> None:
        codes = FixedPoint(self.bits, 0, self.signed, self.symmetric)
        object.__setattr__(self, "bits", codes.total_bits)
        if self.bits > MAX_AFFINE_BITS:
            raise CreatorError(f"bits={self.bits} is more than {MAX_AFFINE_BITS}", "Affine", "use a FixedPoint")
        scales = self.scale if isinstance(self.scale, (tuple, list)) else (self.scale,)
        try:
            numbers = tuple(float(scale) for scale in scales)
        except (TypeError, ValueError):
            raise CreatorError(f"scale={self.scale!r} is not a number", "Affine") from None
        if not numbers or not all(math.isfinite(scale) and 2.0**-126 <= scale <= 2.0**126 for scale in numbers):
            raise CreatorError(f"scale={self.scale!r} is not between 2**-126 and 2**126", "Affine")
        if (self.axis is None) != (not isinstance(self.scale, (tuple, list))):
            raise CreatorError("a scale for each index needs an axis, and one scale needs none", "Affine")
        object.__setattr__(self, "scale", numbers[0] if self.axis is None else numbers)
        object.__setattr__(self, "zero_point", int(codes.check(np.array([self.zero_point]), "zero_point")[0]))

    @property
    def codes(self) -> FixedPoint:
        """The format of the codes as integers."""
        return FixedPoint(self.bits, 0, self.signed, self.symmetric)

    @property
    def total_bits(self) -> int:
        """Width in bits, as :class:`FixedPoint` calls it."""
        return self.bits

    @property
    def frac_bits(self) -> int:
        """Zero: hardware computes with the codes as integers."""
        return 0

    @property
    def min_code(self) -> int:
        """The smallest code."""
        return self.codes.min_code

    @property
    def max_code(self) -> int:
        """The largest code."""
        return self.codes.max_code

    @property
    def min_value(self) -> float:
        """The smallest value; with several scales, of all."""
        return min((self.min_code - self.zero_point) * float(scale) for scale in self._scales)

    @property
    def max_value(self) -> float:
        """The largest value; with several scales, of all."""
        return max((self.max_code - self.zero_point) * float(scale) for scale in self._scales)

    @property
    def _scales(self) -> tuple[float, ...]:
        return self.scale if isinstance(self.scale, tuple) else (self.scale,)

    def __str__(self) -> str:
        scale = repr(self.scale) if not isinstance(self.scale, tuple) else f"[{len(self.scale)} along {self.axis}]"
        kind = "affine" if self.signed else "uaffine"
        return f"{kind}<{self.bits},{scale},{self.zero_point}{',symmetric' if self.symmetric else ''}>"

    def _shaped(self, ndim: int) -> npt.NDArray[np.float64]:
        scale = np.asarray(self.scale, dtype=np.float64)
        if self.axis is None:
            return scale
        if not -ndim <= self.axis < ndim:
            raise CreatorError(f"axis {self.axis} is not one of {ndim}", str(self))
        shape = [1] * ndim
        shape[self.axis] = len(self._scales)
        return scale.reshape(shape)

    def to_integers(self, values: npt.ArrayLike, rounding: Rounding = Rounding.HALF_EVEN) -> IntArray:
        """The codes of floating-point ``values``: ``clip(round(value / scale) + zero_point)``, the quotient in float64.

        Raises:
            CreatorError: for NaN.
        """
        x = np.asarray(values, dtype=np.float64)
        if np.isnan(x).any():
            raise CreatorError("NaN has no code", str(self))
        with np.errstate(over="ignore"):
            units = round_float(x / self._shaped(x.ndim), rounding)
        limits = self.min_code - self.zero_point, self.max_code - self.zero_point
        return np.clip(units, *limits).astype(np.int64) + self.zero_point

    def from_integers(self, codes: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The float64 values of integer ``codes``, any shape."""
        array = np.asarray(codes)
        return (array.astype(np.float64) - self.zero_point) * self._shaped(array.ndim)

    def check(self, codes: npt.ArrayLike, where: str) -> IntArray:
        """``codes`` as an int64 array, refused with ``where`` if one is not an integer of this format."""
        return self.codes.check(codes, where)


Format = FixedPoint | Affine


def simplest(scale: float | tuple[float, ...], zero_point: int, low: int, high: int, axis: int | None = None) -> Format:
    """The format with these codes ``low ... high``: a :class:`FixedPoint` where the scale is one power of two.

    Raises:
        CreatorError: where the range is not that of a whole number of bits.
    """
    for signed in (True, False):
        for symmetric in (False, True)[: 1 + signed]:
            bits = (high + 1).bit_length() - 1 + signed
            if 1 <= bits <= MAX_AFFINE_BITS and (bits > 1 or not symmetric):
                codes = FixedPoint(bits, 0, signed, symmetric)
                if (codes.min_code, codes.max_code) == (low, high):
                    if isinstance(scale, float) and zero_point == 0 and math.frexp(scale)[0] == 0.5:
                        return FixedPoint(bits, 1 - math.frexp(scale)[1], signed, symmetric)
                    return Affine(scale, zero_point, bits, signed, axis, symmetric)
    raise CreatorError(f"codes {low} ... {high} are not the range of a whole number of bits", hint="use all codes of a width")


class Multiplier(NamedTuple):
    """Ratios of scales as integers: ``ratio = factors / 2**shift``, a factor for each output channel or one for all."""

    factors: tuple[int, ...]
    shift: int


def multiplier(ratios: npt.ArrayLike, bits: int = MULTIPLIER_BITS) -> Multiplier:
    """The best integers of ``bits`` bits for positive ``ratios``; the largest ratio uses all of them.

    Raises:
        CreatorError: for ratios so large or so small that no shift of 0 to 62 serves.
    """
    values = np.atleast_1d(np.asarray(ratios, dtype=np.float64))
    if not 1 <= bits <= 31:
        raise CreatorError(f"a multiplier of {bits} bits is not supported", hint="choose 1 to 31")
    _, exponent = math.frexp(float(values.max()))
    shift = bits - exponent
    if round(math.ldexp(float(values.max()), shift)) >= 1 << bits:
        shift -= 1
    if not 0 <= shift <= MAX_SHIFT:
        raise CreatorError(
            f"the ratio {float(values.max()):g} of the input's and the weights' scale to the output's is too extreme",
            hint="check the scales: they should be near the values' ranges",
        )
    return Multiplier(tuple(int(code) for code in np.rint(np.ldexp(values, shift))), shift)


def rescale(codes: IntArray, factors: IntArray, shift: int, rounding: Rounding) -> IntArray:
    """``round(codes * factors / 2**shift)``, exact wherever the products fit 63 bits."""
    return shift_round(codes * factors, shift, rounding)

"""Functions as piecewise polynomials with integer coefficients: what they compute, and how they are found and proven.

The upper bits of an input code choose a segment, the lower ones, centred, are the offset d. With the segment's coefficients
c0, c1, c2, each on a grid of its own of 2**-f[i] steps of the output::

    y = clip(round(c0 * 2**-f[0] + c1 * d * 2**-f[1] + c2 * d * d * 2**-f[2]))

in exact integers, by Horner's rule, with one rounding. That is the meaning of a layer in PyTorch's eval mode and in hardware.
:func:`fit` finds the coefficients and compares the result with the function at every code: no output is off by more than one
step, or the fit is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray, Rounding, bits_for, requantize

TABLE_BITS = 12
"""Inputs of up to so many bits have a table; for wider ones there are polynomials."""

MAX_INPUT_BITS = 20
MAX_OUTPUT_BITS = 32
MAX_SEGMENT_BITS = 12
GUARD = 3
"""Fractional bits of the coefficient c0, in steps of the output; the others have as many more as their offsets can reach."""

FloatArray = npt.NDArray[np.float64]
Function = Callable[[FloatArray], FloatArray]

_NEAREST = (Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.HALF_AWAY)
_BLOCK_BITS = 18432
_SLACK = 2.0**-20
"""Of a step of the output: far more than the float64 functions err that the result is compared with."""


@dataclass(frozen=True, eq=False)
class Piecewise:
    """The coefficients of a function on an input of ``bits`` bits.

    Args:
        coefficients: int64, shape (segments, degree + 1), the constant first; a row for each pattern of the upper bits.
        fracs: fractional bits of each column, ascending.
        bits: of the input.
    """

    coefficients: IntArray
    fracs: tuple[int, ...]
    bits: int

    @property
    def offset_bits(self) -> int:
        """Bits of the offset within a segment."""
        return self.bits - (len(self.coefficients) - 1).bit_length()

    def steps(self, codes: IntArray) -> list[IntArray]:
        """Horner's rule for input codes: the highest coefficient, then what it has become after each further one.

        The last is the value, on the grid of the last of ``fracs``.
        """
        patterns = codes & ((1 << self.bits) - 1)
        rows = self.coefficients[patterns >> self.offset_bits]
        offsets = (patterns & ((1 << self.offset_bits) - 1)) - (1 << self.offset_bits >> 1)
        found = [rows[..., -1]]
        for column in range(len(self.fracs) - 2, -1, -1):
            found.append(found[-1] * offsets + (rows[..., column] << (self.fracs[-1] - self.fracs[column])))
        return found

    def values(self, codes: IntArray, output: FixedPoint, rounding: Rounding) -> IntArray:
        """The output codes for input codes of any shape."""
        return requantize(self.steps(codes)[-1], output.frac_bits + self.fracs[-1], output, rounding)


@dataclass(frozen=True)
class Fit:
    """A piecewise polynomial, and by how many steps of the output it errs at most, rounding included."""

    piecewise: Piecewise
    error: float

    @property
    def cost(self) -> float:
        """Multipliers and block RAMs, roughly."""
        rows, columns = self.piecewise.coefficients.shape
        return float(columns - 1 + max(1.0, rows * self.row_bits / _BLOCK_BITS))

    @property
    def row_bits(self) -> int:
        """Width of the coefficients of one segment."""
        columns = self.piecewise.coefficients.T
        return sum(bits_for(int(column.min()), int(column.max())) for column in columns)


def fit(exact: Function, quick: Function, source: FixedPoint, output: FixedPoint, rounding: Rounding) -> Fit:
    """The cheapest piecewise polynomial, of degree 1 or 2, that errs by at most one step of ``output`` at every code.

    Args:
        exact: the function at values, the same on every machine; the coefficients come from it.
        quick: the same to float64's precision, for every code of ``source``: what the result is compared with.
        source: format of the input.
        output, rounding: how the value becomes a code; it saturates.

    Raises:
        CreatorError: if the function is not finite somewhere, for rounding that is not to nearest, for an input of more than 20
            bits, or if no polynomial of up to 4096 segments is close enough: with the error, and what would do.
    """
    if source.total_bits > MAX_INPUT_BITS:
        raise CreatorError(
            f"a function of {source.total_bits} input bits is not computed in hardware",
            hint=f"put nn.Quantize with at most {MAX_INPUT_BITS} bits before it",
        )
    if output.total_bits > MAX_OUTPUT_BITS:
        raise CreatorError(f"a polynomial of {output.total_bits} output bits", hint=f"use at most {MAX_OUTPUT_BITS}")
    if rounding not in _NEAREST:
        raise CreatorError(
            f"a polynomial of {source.total_bits} input bits cannot round by {rounding.value}",
            hint="use half_even, half_up or half_away",
        )
    codes = _codes(source)
    target = np.clip(_finite(quick, source.from_integers(codes)) * 2.0**output.frac_bits, output.min_code, output.max_code)
    found: list[Fit] = []
    nearest: Fit | None = None
    for degree in (1, 2):
        for segment_bits in range(3, min(MAX_SEGMENT_BITS, source.total_bits - 1) + 1):
            tried = _checked(_built(quick, source, output, degree, segment_bits), codes, target, output, rounding)
            if tried.error <= 1:
                tried = _checked(_built(exact, source, output, degree, segment_bits), codes, target, output, rounding)
                if tried.error <= 1:
                    found.append(tried)
                    break
            nearest = tried if nearest is None or tried.error < nearest.error else nearest
    if not found:
        assert nearest is not None
        fewer = max(1, math.ceil(math.log2(max(nearest.error, 1.0 + _SLACK))))
        raise CreatorError(
            f"its best polynomial of {source.total_bits} input bits errs by {nearest.error:.2f} steps of {output}",
            hint=f"give the output {fewer} fewer fractional bits, or the input fewer bits",
        )
    return min(found, key=lambda tried: tried.cost)


def _codes(source: FixedPoint) -> IntArray:
    """The code of every bit pattern; of one that the format lacks, its neighbour's."""
    patterns = np.arange(1 << source.total_bits, dtype=np.int64)
    codes = patterns - ((patterns >> (source.total_bits - 1)) << source.total_bits) if source.signed else patterns
    return np.maximum(codes, source.min_code)


def _finite(function: Function, x: FloatArray) -> FloatArray:
    y = function(x)
    if not np.isfinite(y).all():
        raise CreatorError(
            f"the function is not finite at {x[~np.isfinite(y)].min()}", hint="limit its input, with HardTanh for example"
        )
    return y


def _built(function: Function, source: FixedPoint, output: FixedPoint, degree: int, segment_bits: int) -> Piecewise:
    """Through Chebyshev's points of each segment, then shifted so that the errors on both sides are equal."""
    width = 1 << (source.total_bits - segment_bits)
    patterns = np.arange(0, 1 << source.total_bits, width)
    first = (patterns - (patterns >= 1 << (source.total_bits - 1)) * source.signed * (1 << source.total_bits))[:, None]
    half = width / 2

    def at(offsets: FloatArray) -> FloatArray:
        """The function, in steps of the output, at offsets from each segment's middle; shape (segments, offsets)."""
        x = np.ldexp(np.maximum(first + half + offsets, source.min_code), -source.frac_bits)
        return np.ldexp(_finite(function, x.ravel()).reshape(x.shape), output.frac_bits)

    # Of the codes, the offsets are -half ... half - 1, and -1/2 in their middle.
    places = (-math.sqrt(0.5), math.sqrt(0.5)) if degree == 1 else (-math.sqrt(0.75), 0.0, math.sqrt(0.75))
    nodes = np.rint(np.array(places) * (width - 1) * 8) / 16 - 0.5
    y = at(nodes)
    slopes = (y[:, 1:] - y[:, :-1]) / (nodes[1:] - nodes[:-1])
    columns = [y[:, 0] - slopes[:, 0] * nodes[0], slopes[:, 0]]
    if degree == 2:  # Newton's form, multiplied out
        bend = (slopes[:, 1] - slopes[:, 0]) / (nodes[2] - nodes[0])
        columns = [columns[0] + bend * nodes[0] * nodes[1], columns[1] - bend * (nodes[0] + nodes[1]), bend]
    samples = np.unique(np.rint(np.linspace(-half, half - 1, 9)))
    truth = at(samples)
    errors = truth - sum(column[:, None] * samples**power for power, column in enumerate(columns))
    columns[0] = columns[0] + (errors.max(axis=1) + errors.min(axis=1)) / 2
    above, below = (truth >= output.max_code).all(axis=1), (truth <= output.min_code).all(axis=1)
    columns[0] = np.where(above, output.max_code, np.where(below, output.min_code, columns[0]))
    columns[1:] = [np.where(above | below, 0.0, column) for column in columns[1:]]
    fracs = tuple(GUARD + power * (source.total_bits - segment_bits - 1) for power in range(degree + 1))
    scaled = np.stack([np.rint(np.ldexp(column, frac)) for column, frac in zip(columns, fracs, strict=True)], axis=1)
    return Piecewise(np.clip(scaled, -(2.0**50), 2.0**50).astype(np.int64), fracs, source.total_bits)


def _checked(made: Piecewise, codes: IntArray, target: FloatArray, output: FixedPoint, rounding: Rounding) -> Fit:
    """``made`` with its largest error, at every code; infinite where its numbers are too large for exact integers."""
    largest = np.abs(made.coefficients).astype(np.float64) @ 2.0 ** (
        np.arange(len(made.fracs)) * (made.offset_bits - 1) + made.fracs[-1] - np.array(made.fracs)
    )
    if largest.max() >= 2.0**51:
        return Fit(made, math.inf)
    return Fit(made, float(np.abs(made.values(codes, output, rounding) - target).max()) + _SLACK)

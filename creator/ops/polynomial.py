"""Any scalar function as a piecewise polynomial, for inputs that are too wide for a table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from creator.affine import Affine
from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray, Overflow, Rounding, bits_for
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
from creator.piecewise import MAX_INPUT_BITS, MAX_SEGMENT_BITS, Piecewise


@dataclass(frozen=True, eq=False)
class Polynomial(Op):
    """``clip(requantize(c0 + c1 * d + c2 * d * d), low, high)``, elementwise on any shape; see :mod:`creator.piecewise`.

    The upper bits of a code are the row of the coefficients, the lower ones, centred, are d. Codes count, not what they are
    worth.

    Args:
        coefficients: int64, shape (segments, degree + 1), degree 1 or 2, the constant first. Segments are a power of two, in
            the order of the upper bits: for a signed input those of its positive codes come first.
        fracs: fractional bits of each column, in steps of ``output``, ascending.
        output: format of the result.
        rounding: how the exact value becomes a code of ``output``; it saturates.
        low, high: clamp of the result, in its codes; an activation merged into the requantizer.
    """

    name: ClassVar[str] = "polynomial"

    coefficients: IntArray
    fracs: tuple[int, ...]
    output: FixedPoint
    rounding: Rounding
    low: int
    high: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficients", frozen_array(self.coefficients))

    @property
    def segments(self) -> int:
        return len(self.coefficients)

    @property
    def degree(self) -> int:
        return len(self.fracs) - 1

    @property
    def widths(self) -> tuple[int, ...]:
        """Bits of each coefficient, the constant first."""
        return tuple(bits_for(int(column.min()), int(column.max())) for column in self.coefficients.T)

    def offset_bits(self, x: TensorType) -> int:
        """Bits of the offset within a segment."""
        return x.format.total_bits - (self.segments - 1).bit_length()

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        if isinstance(x.format, Affine) or isinstance(self.output, Affine):
            raise CreatorError(
                f"a polynomial from {x.format} to {self.output} is not computed in hardware",
                hint="use formats whose scale is a power of two, or at most 12 input bits",
            )
        check_overflow(self.output, self.rounding, Overflow.SATURATE)
        result = TensorType(x.shape, self.output)
        check_limits(self.low, self.high, self.output)
        rows, columns = self.coefficients.shape if self.coefficients.ndim == 2 else (0, 0)
        if columns not in (2, 3) or rows.bit_count() != 1 or not 2 <= rows <= 1 << MAX_SEGMENT_BITS:
            raise CreatorError(f"coefficients of shape {self.coefficients.shape} are no segments of degree 1 or 2")
        if (
            len(self.fracs) != columns
            or list(self.fracs) != sorted(self.fracs)
            or not 0 <= self.fracs[0] <= self.fracs[-1] <= 48
        ):
            raise CreatorError(f"fractional bits {self.fracs} do not fit {columns} coefficients")
        if self.offset_bits(x) < 1 or x.format.total_bits > MAX_INPUT_BITS:
            raise CreatorError(f"an input of {x.format.total_bits} bits does not fit {rows} segments")
        if max(self.widths) > MAX_BITS:
            raise CreatorError(f"a coefficient needs more than {MAX_BITS} bits")
        return result

    def _piecewise(self, x: TensorType) -> Piecewise:
        return Piecewise(self.coefficients, self.fracs, x.format.total_bits)

    @cached_property
    def _steps(self) -> dict[int, list[IntArray]]:
        return {}

    def steps(self, x: TensorType) -> list[IntArray]:
        """The value of each of Horner's steps for every bit pattern of the input, the last one exact and to be rounded.

        Raises:
            CreatorError: for values of more than 52 bits.
        """
        bits = x.format.total_bits
        if bits not in self._steps:  # by the width of the input, on which they depend
            reach = [1 << (power * (self.offset_bits(x) - 1) + self.fracs[-1] - frac) for power, frac in enumerate(self.fracs)]
            largest = max(sum(abs(c) * r for c, r in zip(row, reach, strict=True)) for row in self.coefficients.tolist())
            if largest >= 1 << (MAX_BITS - 1):
                raise CreatorError(
                    f"its values need more than {MAX_BITS} bits, the most that PyTorch can evaluate exactly",
                    hint="use a narrower output",
                )
            self._steps[bits] = self._piecewise(x).steps(np.arange(1 << bits))
        return self._steps[bits]

    def step_bits(self, x: TensorType) -> tuple[int, ...]:
        """Bits that the values of each step need."""
        return tuple(bits_for(int(step.min()), int(step.max())) for step in self.steps(x))

    def exact(self, x: TensorType, interval: Interval) -> Interval:
        """Bounds of the value before rounding."""
        values = self.steps(x)[-1]
        reached = values[np.arange(interval.low, interval.high + 1) & (len(values) - 1)]
        return Interval(int(reached.min()), int(reached.max()))

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        rounded = rounded_interval(self.exact(inputs[0], intervals[0]), self.fracs[-1], self.rounding)
        return limited(rounded, self.output, Overflow.SATURATE, self.low, self.high)

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        codes = self._piecewise(inputs[0]).values(values[0], self.output, self.rounding)
        return np.clip(codes, self.low, self.high)

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        (x,) = inputs
        return Timing(beats(x.size, lanes.input), self.value_stages(x) + requantizer_stages(self.fracs[-1], self.rounding))

    @property
    def memory_stages(self) -> int:
        """Pipeline stages of the coefficients: the memory's register, those of a deep one, and one after it."""
        return 2 + deep_stages(self.segments)

    def parts(self, x: TensorType, step: int) -> tuple[int, int]:
        """Into how many parts the value so far and the offset are cut, for multiplier blocks, in the given step."""
        bits = self.step_bits(x)[step], self.offset_bits(x)
        first, second = (-(-max(1, width - 1) // PART_BITS) for width in bits)
        return first, second

    def step_stages(self, x: TensorType, step: int) -> int:
        """Pipeline stages of one step: products, their sums by pairs, and the sum with the next coefficient."""
        return 2 + (math.prod(self.parts(x, step)) - 1).bit_length()

    def value_stages(self, x: TensorType) -> int:
        """Pipeline stages from a code to the exact value."""
        return self.memory_stages + sum(self.step_stages(x, step) for step in range(self.degree))

"""The product of two values, elementwise: exact, rounded once."""

from __future__ import annotations

import math
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
from creator.ops.rescale import PART_BITS, operand_bits


@dataclass(frozen=True)
class Multiply(Op):
    """``clip(requantize(a * b), low, high)``, elementwise on two values of one shape.

    Args:
        output: format of the result.
        rounding, overflow: how a product becomes a code of ``output``.
        low, high: clamp of the result, in its codes; an activation merged into the requantizer.
    """

    name: ClassVar[str] = "multiply"
    arity: ClassVar[int] = 2

    output: FixedPoint
    rounding: Rounding
    overflow: Overflow
    low: int
    high: int

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        check_operands(self.name, inputs, self.output)
        check_overflow(self.output, self.rounding, self.overflow)
        check_limits(self.low, self.high, self.output)
        return TensorType(inputs[0].shape, self.output)

    def frac_bits(self, inputs: tuple[TensorType, ...]) -> int:
        """Fractional bits of the product."""
        return sum(x.format.frac_bits for x in inputs)

    def products(self, intervals: tuple[Interval, ...]) -> Interval:
        """Bounds of the products."""
        ends = [a * b for a in intervals[0] for b in intervals[1]]
        return Interval(min(ends), max(ends))

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        needed = bits_for(*self.products(tuple(Interval.of(x.format) for x in inputs)))
        if needed > MAX_BITS:
            raise CreatorError(
                f"its products need {needed} bits, more than {MAX_BITS}, the most that PyTorch can evaluate exactly",
                hint="use narrower formats",
            )
        dropped = self.frac_bits(inputs) - self.output.frac_bits
        rounded = rounded_interval(self.products(intervals), dropped, self.rounding)
        return limited(rounded, self.output, self.overflow, self.low, self.high)

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        codes = requantize(values[0] * values[1], self.frac_bits(inputs), self.output, self.rounding, self.overflow)
        return np.clip(codes, self.low, self.high)

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        stages = requantizer_stages(self.frac_bits(inputs) - self.output.frac_bits, self.rounding)
        return Timing(beats(inputs[0].size, lanes.input), self.product_stages(inputs) + stages)

    def parts(self, inputs: tuple[TensorType, ...]) -> tuple[int, int]:
        """Into how many parts each operand is cut; each pair of parts is one multiplier block."""
        a, b = (max(1, -(-(operand_bits(x.format) - 1) // PART_BITS)) for x in inputs)
        return a, b

    def product_stages(self, inputs: tuple[TensorType, ...]) -> int:
        """Pipeline stages of the product: operands, products of their parts, the sums of these by pairs."""
        return 2 + (math.prod(self.parts(inputs)) - 1).bit_length()

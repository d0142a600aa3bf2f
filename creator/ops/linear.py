"""The fully connected layer: exact products, an exact sum, one rounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
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
    check_codes,
    check_limits,
    check_overflow,
    deep_stages,
    frozen_array,
    limited,
)
from creator.ops.quantize import requantizer_stages, rounded_interval

MAC_STAGES = 5
"""Registers from an address to a sum with one input lane: memory, its output, operands, product, accumulator. With two between
a memory and a product both the block RAM and the multiplier have a register of their own at that end."""


SELECT_BITS = 2
"""Weights of so few bits choose among 0 and multiples of the activation: no multiplier."""

_WIDE = 8


@dataclass(frozen=True, eq=False)
class Linear(Op):
    """``clip(requantize((x @ weight.T << align) + bias - offset), low, high)`` with an accumulator that cannot overflow.

    The accumulator's grid is the finer of the products' (input plus weight fraction bits) and the bias's; ``align`` shifts the
    products onto it.

    Args:
        weight: codes of ``weight_format``, shape (out_features, in_features).
        weight_format: of the weights.
        bias: codes on the accumulator's grid, shape (out_features,).
        accumulator: signed format of every partial sum.
        output: format of the result.
        rounding, overflow: how a sum becomes a code of ``output``.
        low, high: clamp of the result, in its codes; an activation merged into the requantizer.
        offset: what the bias holds for the requantizer: 0, or the half of a step that rounding half to even would add.
    """

    name: ClassVar[str] = "linear"

    weight: IntArray
    weight_format: FixedPoint
    bias: IntArray
    accumulator: FixedPoint
    output: FixedPoint
    rounding: Rounding
    overflow: Overflow
    low: int
    high: int
    offset: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", frozen_array(self.weight))
        object.__setattr__(self, "bias", frozen_array(self.bias))

    @property
    def in_features(self) -> int:
        return int(self.weight.shape[1])

    @property
    def out_features(self) -> int:
        return int(self.weight.shape[0])

    @cached_property
    def weight_bits(self) -> int:
        """Width of the narrowest signed number that holds every weight."""
        return bits_for(int(self.weight.min()), int(self.weight.max()))

    @property
    def selects(self) -> bool:
        """Whether weights are so narrow that no multiplier is needed."""
        return self.weight_bits <= SELECT_BITS

    @property
    def dropped(self) -> int:
        """Bits that the change to the output's format drops; negative if it appends some."""
        return self.accumulator.frac_bits - self.output.frac_bits

    @property
    def half(self) -> int:
        """One half of the output's step, in the accumulator's; 0 where no bits are dropped."""
        return 1 << self.dropped >> 1 if self.dropped > 0 else 0

    def align(self, x: TensorType) -> int:
        """Bits by which products are shifted left onto the accumulator's grid."""
        return self.accumulator.frac_bits - self.weight_format.frac_bits - x.format.frac_bits

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        for name in ("weight_format", "accumulator", "output"):
            if not isinstance(getattr(self, name), FixedPoint):
                what = f"its {name} {getattr(self, name)} is no FixedPoint"
                raise CreatorError(what, hint="let it give its exact sums, and bring them to another scale with rescale")
        check_overflow(self.output, self.rounding, self.overflow)
        check_limits(self.low, self.high, self.output)
        if self.offset and (self.rounding is not Rounding.HALF_EVEN or self.offset != self.half or self.dropped > MAX_BITS):
            raise CreatorError(f"its offset {self.offset} is not one half, {self.half}, or it does not round half to even")
        if self.weight.ndim != 2 or 0 in self.weight.shape or self.bias.shape != (self.weight.shape[0],):
            raise CreatorError(f"weight {self.weight.shape} and bias {self.bias.shape} do not fit")
        self._check_shapes(x)
        check_codes(self.weight_format, self.weight, "weight")
        if self.align(x) < 0 or not self.accumulator.signed:
            raise CreatorError(f"the accumulator {self.accumulator} is too coarse for its products, or unsigned")
        return TensorType(self._result_shape(x), self.output)

    def _check_shapes(self, x: TensorType) -> None:
        """Refuses an input whose shape does not fit."""
        if x.shape != (self.in_features,):
            fitting = "" if x.size == self.in_features else f"make it Linear({x.size}, {self.out_features})"
            flatten = "put nn.Flatten in front of it" if len(x.shape) > 1 else ""
            hint = " and ".join(filter(None, [flatten, fitting])) + "; input_shape is without the batch"
            raise CreatorError(f"takes {self.in_features} inputs, but gets shape {x.shape}", hint=hint)

    def _result_shape(self, x: TensorType) -> tuple[int, ...]:
        return (self.out_features,)

    def reads(self, interval: Interval) -> Interval:
        """Bounds of the codes that are multiplied, those of the input being ``interval``."""
        return interval

    def sums(self, x: TensorType, interval: Interval) -> Interval:
        """Bounds of every partial sum of every row, bias included, whatever the order of the terms."""
        align = self.align(x)
        if align > MAX_BITS:
            raise CreatorError(
                f"the bias is {align} bits finer than the products", hint="give the bias a format with fewer fractional bits"
            )
        low, high = self.reads(interval)
        products = self._products(Interval(min(low, 0), max(high, 0)), align)
        biases = self.bias.tolist()
        lows = [least + min(bias, 0) for (least, _), bias in zip(products, biases, strict=True)]
        highs = [most + max(bias, 0) for (_, most), bias in zip(products, biases, strict=True)]
        return Interval(min(lows), max(highs))

    def totals(self, x: TensorType, interval: Interval) -> Interval:
        """Bounds of the whole sums of every row, bias included: each is reached."""
        products, biases = self._products(interval, self.align(x)), self.bias.tolist()
        lows = [low + bias for (low, _), bias in zip(products, biases, strict=True)]
        highs = [high + bias for (_, high), bias in zip(products, biases, strict=True)]
        return Interval(min(lows), max(highs))

    def _products(self, interval: Interval, align: int) -> list[Interval]:
        """Bounds of the sum of each row's products, on the accumulator's grid."""
        low, high = self.reads(interval)
        return [
            Interval((positive * low + negative * high) << align, (positive * high + negative * low) << align)
            for positive, negative in self._signed_sums
        ]

    @cached_property
    def _signed_sums(self) -> list[tuple[int, int]]:
        """The sums of each row's positive and of its negative weights, as Python integers: wide ones may exceed int64."""
        return [(sum(w for w in row if w > 0), sum(w for w in row if w < 0)) for row in self.weight.tolist()]

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        sums = self.sums(inputs[0], intervals[0])
        needed = bits_for(*sums)
        if needed > MAX_BITS:
            raise CreatorError(
                f"its sums need {needed} bits, more than {MAX_BITS}, the most that PyTorch can evaluate exactly",
                hint="use narrower formats or fewer inputs",
            )
        if needed > self.accumulator.total_bits:
            raise CreatorError(f"the accumulator {self.accumulator} can overflow: it needs {needed} bits")
        totals = self.totals(inputs[0], intervals[0])
        rounded = rounded_interval(Interval(*(total - self.offset for total in totals)), self.dropped, self.rounding)
        return limited(rounded, self.output, self.overflow, self.low, self.high)

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        # float64 is exact here and fast: every partial sum is below 2**52 in magnitude, as interval() has shown.
        products = values[0].astype(np.float64) @ self.weight.T.astype(np.float64)
        sums = (products.astype(np.int64) << self.align(inputs[0])) + (self.bias - self.offset)
        codes = requantize(sums, self.accumulator.frac_bits, self.output, self.rounding, self.overflow)
        return np.clip(codes, self.low, self.high)

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        words, groups = self.row_words(lanes), self.row_groups(lanes)
        # Where all outputs are computed at once, inputs are used as they arrive; otherwise a whole frame is stored first.
        return Timing(words * groups, self.stages(lanes) + 2 * self.wide(lanes) + (words * groups if groups > 1 else 0))

    def lane_choices(self, inputs: tuple[TensorType, ...], result: TensorType) -> tuple[Sequence[int], Sequence[int]]:
        return range(1, self.in_features + 1), range(1, self.out_features + 1)

    def terms(self, lanes: Lanes) -> int:
        """Products of each row in a cycle."""
        return lanes.input

    def row_words(self, lanes: Lanes) -> int:
        """Words of weights for a group of rows: the cycles that its sums take."""
        return beats(self.in_features, self.terms(lanes))

    def row_groups(self, lanes: Lanes) -> int:
        """Groups of rows, one after another."""
        return beats(self.out_features, lanes.output)

    def words(self, lanes: Lanes) -> int:
        """Words of weights, one a cycle."""
        return self.row_words(lanes) * self.row_groups(lanes)

    def wide(self, lanes: Lanes) -> bool:
        """Whether it has so many products in a cycle that it is spread over the device, or is to be built as if it had.

        Its enable is then a net so large that it has to come from a register: the core ends in a queue, which takes two cycles.
        And multipliers, which are few and far apart, have a register more before and behind them, for the ways.
        """
        return lanes.pipelined or self.terms(lanes) * lanes.output >= _WIDE

    def sum_stages(self, lanes: Lanes) -> int:
        """Registers from an address to a sum.

        A deep memory takes some more. The ways to and from the multipliers of a wide core take two, parting products that share
        a multiplier takes one, and adding those of all lanes one for each level of the tree.
        """
        products = MAC_STAGES + deep_stages(self.words(lanes)) + 2 * self.far(lanes) + lanes.packed
        return products + (self.terms(lanes) - 1).bit_length()

    def far(self, lanes: Lanes) -> bool:
        """Whether there are registers for the ways to and from the multipliers."""
        return self.wide(lanes) and not self.selects

    def stages(self, lanes: Lanes) -> int:
        """Registers from an address to a result."""
        return self.sum_stages(lanes) + self.requantizer_stages

    @property
    def requantizer_stages(self) -> int:
        """Registers from a sum to a result."""
        return 1 if self.offset else requantizer_stages(self.dropped, self.rounding)

"""Softmax along each row, on integers: a table of exponentials, their sum, and a rounded division."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from creator.affine import Affine
from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray, shares
from creator.ops.argmax import Comparison
from creator.ops.base import Interval, Lanes, Op, TensorType, Timing, beats, deep_stages, divisors, frozen_array, is_deep

MAX_TABLE = 4096
"""Entries: 12 bits of difference to the largest element."""

MAX_FRAC_BITS = 30
"""Of the result."""

NEAR_BEATS = 16
"""Beats of a row up to which its store is small: two banks of more may become a block RAM, which is slow."""

MAX_QUOTIENT_BITS = 61
"""Of an exponential shifted left by the quotient's bits: int64 holds it."""


@dataclass(frozen=True, eq=False)
class Softmax(Op):
    """Along the last axis, with the largest code m of the row and g fractional bits of the output::

        e = table[m - x]                                  0 beyond the table
        y = min(floor(2**g * e / sum(e) + 1/2), highest code)

    Args:
        table: int64, shape (entries,): what stands for exp(-d * step) at the difference d = 0, 1, ...; none exceeds the first.
        output: format of the result, with 0 or more fractional bits.
    """

    name: ClassVar[str] = "softmax"

    table: IntArray
    output: FixedPoint

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", frozen_array(self.table))

    @property
    def entry_bits(self) -> int:
        """Width of the table's entries."""
        return int(self.table[0]).bit_length()

    def sum_bits(self, x: TensorType) -> int:
        """Width of their sum over a row."""
        return max(2, (int(self.table[0]) * x.shape[-1]).bit_length())

    def reached(self, x: TensorType) -> int:
        """Entries that a difference of two codes can reach."""
        return min(len(self.table), x.format.max_code - x.format.min_code + 1)

    @property
    def quotient_bits(self) -> int:
        """Of the quotient before it is rounded: the fractional bits, and one more. That of an element which is all of the sum
        is all ones, which become a whole one."""
        return self.output.frac_bits + 1

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        table = self.table
        if table.ndim != 1 or not 1 <= len(table) <= MAX_TABLE:
            raise CreatorError(f"its table has shape {table.shape}, where 1 to {MAX_TABLE} entries are possible")
        if table[0] < 1 or table.min() < 0 or table.max() > table[0]:
            raise CreatorError("its table's first entry is not its largest, or one is negative")
        if isinstance(self.output, Affine) or not 0 <= self.output.frac_bits <= MAX_FRAC_BITS:
            raise CreatorError(
                f"its result cannot be {self.output}", hint=f"use a FixedPoint with 0 to {MAX_FRAC_BITS} fractional bits"
            )
        if self.sum_bits(inputs[0]) + self.quotient_bits > MAX_QUOTIENT_BITS:
            raise CreatorError(
                f"its division needs more than {MAX_QUOTIENT_BITS} bits", hint="use fewer fractional bits, or shorter rows"
            )
        return TensorType(inputs[0].shape, self.output)

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        return Interval(0, min(1 << self.output.frac_bits, self.output.max_code))

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        differences = values[0].max(axis=-1, keepdims=True) - values[0]
        entries = np.append(self.table, 0)[np.minimum(differences, len(self.table))]
        return shares(entries, self.output)

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        (x,) = inputs
        found = Comparison(x, lanes)
        delay = found.levels + 2 * found.words + sum(self.stages_behind_stores(x, lanes))
        return Timing(beats(x.size, lanes.input), delay)

    def store_stages(self, x: TensorType, lanes: Lanes) -> int:
        """Registers of a store of rows: the memory's, and one behind it where it is large."""
        return 1 + (Comparison(x, lanes).words > NEAR_BEATS)

    def holds(self, x: TensorType, lanes: Lanes) -> bool:
        """Whether the table has a register behind it: where entries are dropped after it, and it has none already."""
        beyond = x.format.total_bits > max(1, (self.reached(x) - 1).bit_length())
        found = Comparison(x, lanes)
        return (beyond or found.remainder < found.terms) and not is_deep(self.reached(x))

    def entry_stages(self, x: TensorType, lanes: Lanes) -> int:
        """Pipeline stages from the codes, as the store gives them, to the stored entries: the codes, the difference, the
        table's, the entry, and the levels of sums by pairs."""
        return 4 + deep_stages(self.reached(x)) + self.holds(x, lanes) + Comparison(x, lanes).levels

    @property
    def division_stages(self) -> int:
        """Pipeline stages from the entries, as the store gives them, to the result: the entries, one a bit of the quotient,
        and the result."""
        return 2 + self.quotient_bits

    def stages_behind_stores(self, x: TensorType, lanes: Lanes) -> tuple[int, int]:
        """Pipeline stages behind each of the two stores, its own registers included."""
        more = self.store_stages(x, lanes) - 1
        return more + self.entry_stages(x, lanes), more + self.division_stages

    def lane_choices(self, inputs: tuple[TensorType, ...], result: TensorType) -> tuple[Sequence[int], None]:
        (x,) = inputs
        row = x.shape[-1]
        return range(1, row + 1) if x.size == row else divisors(row), None

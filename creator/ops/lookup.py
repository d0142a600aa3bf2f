"""Any scalar function as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from creator.affine import Format
from creator.errors import CreatorError
from creator.formats import IntArray
from creator.ops.base import Interval, Lanes, Op, TensorType, Timing, beats, check_codes, deep_stages, frozen_array
from creator.piecewise import TABLE_BITS

MAX_INPUT_BITS = TABLE_BITS


@dataclass(frozen=True, eq=False)
class Lookup(Op):
    """``table[x mod 2**bits]``, elementwise on any shape.

    Args:
        table: int64, shape (2**bits,): the output code for each input bit pattern, so for a signed input the codes
            0 ... 2**(bits-1)-1 and then -2**(bits-1) ... -1.
        output: format of the entries.
    """

    name: ClassVar[str] = "lookup"

    table: IntArray
    output: Format

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", frozen_array(self.table))

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        bits = inputs[0].format.total_bits
        if bits > MAX_INPUT_BITS:
            raise CreatorError(
                f"a table with {bits} input bits is too large",
                hint=f"put nn.Quantize with at most {MAX_INPUT_BITS} bits in front of it",
            )
        if self.table.shape != (1 << bits,):
            raise CreatorError(f"the table has shape {self.table.shape}, its input of {bits} bits needs ({1 << bits},)")
        check_codes(self.output, self.table, "table")
        return TensorType(inputs[0].shape, self.output)

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        codes = np.arange(intervals[0].low, intervals[0].high + 1)
        reached = self._entries(codes)
        return Interval(int(reached.min()), int(reached.max()))

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        return self._entries(values[0])

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        # The memory's register, those of a deep one, and one after it.
        return Timing(beats(inputs[0].size, lanes.input), delay=2 + deep_stages(len(self.table)))

    def _entries(self, codes: IntArray) -> IntArray:
        found: IntArray = self.table[codes & (len(self.table) - 1)]
        return found


def pattern_codes(fmt: Format) -> IntArray:
    """The code that each bit pattern 0 ... 2**bits-1 of ``fmt`` stands for (the dropped code of a symmetric one included)."""
    patterns = np.arange(1 << fmt.total_bits, dtype=np.int64)
    return patterns - ((patterns >> (fmt.total_bits - 1)) << fmt.total_bits) if fmt.signed else patterns

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
    """``table[x mod 2**bits]``, elementwise on any shape; as made by the pass ``shrink_tables``, with fewer words than that.

    A table of 2**m words without more is read by the lower m bits, as far as no two codes that occur share them. With
    ``below`` or ``above`` it has the codes -2**(m-1) ... 2**(m-1)-1, or 0 ... 2**m-1 of an unsigned input, and what lies beyond
    is a line: ``(value,)`` a constant, ``(0, shift)`` the code times 2**shift. With ``symmetry`` it has the codes 0 ... 2**m-1
    without their signs: of an even function their entries, of an odd one those of the negative codes, and the others have
    ``centre`` less them, which saturates at the upper end.

    Args:
        table: int64, shape (2**m,): the output code for each input bit pattern, so for a signed input the codes
            0 ... 2**(m-1)-1 and then -2**(m-1) ... -1.
        output: format of the entries.
        below, above: what codes beyond the table become; empty if none occur there.
        symmetry: 1 for an even function, -1 for an odd one about half of ``centre``, else 0.
        centre: entry of x and of -x together; 0 unless the symmetry is odd.
    """

    name: ClassVar[str] = "lookup"

    table: IntArray
    output: Format
    below: tuple[int, ...] = ()
    above: tuple[int, ...] = ()
    symmetry: int = 0
    centre: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", frozen_array(self.table))

    @property
    def address_bits(self) -> int:
        """Bits of a word's place."""
        return (len(self.table) - 1).bit_length()

    @property
    def chooses(self) -> bool:
        """Whether the result is more than an entry."""
        return bool(self.below or self.above or self.symmetry)

    @property
    def clips(self) -> bool:
        """Whether an odd function saturates somewhere."""
        return self.symmetry < 0 and self.centre - int(self.table.min()) > self.output.max_code

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        bits = inputs[0].format.total_bits
        if bits > MAX_INPUT_BITS:
            raise CreatorError(
                f"a table with {bits} input bits is too large",
                hint=f"put nn.Quantize with at most {MAX_INPUT_BITS} bits in front of it",
            )
        words = len(self.table) if self.table.ndim == 1 else 0
        if words.bit_count() != 1 or words > 1 << bits:
            raise CreatorError(f"the table has shape {self.table.shape}, its input of {bits} bits needs ({1 << bits},)")
        signed = inputs[0].format.signed
        if self.symmetry not in (-1, 0, 1) or (self.symmetry and not signed) or (self.below and not signed):
            raise CreatorError("symmetry, and codes below a table, need a signed input")
        if (self.centre and self.symmetry != -1) or (self.chooses and words < 2):
            raise CreatorError("a centre needs an odd table, and a line beyond a table one of two words or more")
        for line in (self.below, self.above):
            if len(line) > 2 or (len(line) == 2 and (line[0] != 0 or not 0 <= line[1] <= MAX_INPUT_BITS)):
                raise CreatorError(f"{line} is no line beyond a table")
        check_codes(self.output, self.table, "table")
        return TensorType(inputs[0].shape, self.output)

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        low, high = intervals[0]
        if not self.chooses and high - low >= len(self.table):
            raise CreatorError(f"the table has {len(self.table)} words, and {high - low + 1} codes occur")
        first, last = self.inside(inputs[0].format)
        if (low < first and self.chooses and not self.below) or (high > last and self.chooses and not self.above):
            raise CreatorError("codes occur beyond the table, which has nothing for them")
        reached = self._entries(np.arange(low, high + 1), inputs[0].format)
        check_codes(self.output, reached, "results")
        return Interval(int(reached.min()), int(reached.max()))

    def inside(self, source: Format) -> Interval:
        """The codes of ``source`` whose entries are in the table, where it has lines beyond."""
        words = len(self.table)
        if self.symmetry:
            return Interval(1 - words, words - 1)
        return Interval(-words // 2, words // 2 - 1) if source.signed else Interval(0, words - 1)

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        return self._entries(values[0], inputs[0].format)

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        # The magnitude of the code; the memory; where there is a choice, a register before it; the result.
        stages = bool(self.symmetry) + self.memory_stages + self.chooses + 1
        return Timing(beats(inputs[0].size, lanes.input), delay=stages)

    @property
    def memory_stages(self) -> int:
        """Pipeline stages of the memory."""
        return 1 + deep_stages(len(self.table))

    def _entries(self, codes: IntArray, source: Format) -> IntArray:
        places = np.abs(codes) if self.symmetry else codes
        found: IntArray = self.table[places & (len(self.table) - 1)]
        if self.symmetry < 0:
            found = np.where(codes < 0, found, np.minimum(self.centre - found, self.output.max_code))
        first, last = self.inside(source)
        for line, beyond in ((self.below, codes < first), (self.above, codes > last)):
            if line:
                found = np.where(beyond, line[0] if len(line) == 1 else codes << line[1], found)
        return found


def pattern_codes(fmt: Format) -> IntArray:
    """The code that each bit pattern 0 ... 2**bits-1 of ``fmt`` stands for (the dropped code of a symmetric one included)."""
    patterns = np.arange(1 << fmt.total_bits, dtype=np.int64)
    return patterns - ((patterns >> (fmt.total_bits - 1)) << fmt.total_bits) if fmt.signed else patterns

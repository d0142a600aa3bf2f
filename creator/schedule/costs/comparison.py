"""What finding the largest element of each row costs."""

from __future__ import annotations

from creator.ops import ArgMax, Interval, Lanes, TensorType, Top1
from creator.ops.argmax import Comparison, index_format
from creator.schedule.parts import Parts
from creator.schedule.rom import address_bits


def comparison_cost(parts: Parts, op: ArgMax | Top1, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """Comparisons by pairs, and the best of the row."""
    found, bits, index_bits = Comparison(x, lanes), x.format.total_bits, index_format(x).total_bits
    pairs_cost(parts, found, bits, places=True, keeps=isinstance(op, Top1) or found.words > 1)
    if found.words > 1:
        beat = address_bits(found.words)
        parts.luts["add"] += bits + 2 * beat + 2 * index_bits + 3
        parts.registers(bits + 2 * index_bits + beat + 4 + 4 * found.levels)
        return
    parts.luts["add"] += 2
    parts.registers(2 * found.stages)
    if not found.levels and isinstance(op, Top1):
        parts.registers(found.rows * bits)


def pairs_cost(parts: Parts, found: Comparison, bits: int, places: bool, keeps: bool) -> None:
    """The levels that compare elements of ``bits`` bits; whether their places go on, and whether the largest itself does."""
    terms = found.terms
    for level in range(1, found.levels + 1):
        pairs, terms = terms // 2, terms // 2 + terms % 2
        # The last values of all are not kept where only their place is asked for.
        kept = bits if keeps or level < found.levels else 0
        parts.luts["add"] += found.rows * pairs * (bits + 1 + kept + places * (level - 1))
        parts.registers(found.rows * terms * (kept + places * level))

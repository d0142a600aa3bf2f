"""What finding the largest element of each row costs."""

from __future__ import annotations

from creator.ops import ArgMax, Interval, Lanes, TensorType, Top1
from creator.ops.argmax import Comparison, index_format
from creator.schedule.costs.elementwise import streams
from creator.schedule.parts import Parts
from creator.schedule.rom import address_bits


def comparison_cost(parts: Parts, op: ArgMax | Top1, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """Comparisons by pairs, and the best of the row."""
    streams(parts, op, x, lanes)
    found, bits, index_bits = Comparison(x, lanes), x.format.total_bits, index_format(x).total_bits
    terms = found.terms
    for level in range(1, found.levels + 1):
        pairs, terms = terms // 2, terms // 2 + terms % 2
        # The last values of all are not kept where only their place is asked for.
        kept = bits if isinstance(op, Top1) or found.words > 1 or level < found.levels else 0
        parts.luts["add"] += found.rows * pairs * bits
        parts.luts["choose"] += found.rows * pairs * (kept + level - 1) / 2
        parts.ffs["sum"] += found.rows * terms * (kept + level)
    if found.words > 1:
        parts.luts["add"] += bits
        parts.luts["counter"] += address_bits(found.words) + index_bits
        parts.ffs["sum"] += bits + index_bits
        parts.ffs["control"] += address_bits(found.words) + index_bits + 4 + 2 * found.levels
    elif not found.levels and isinstance(op, Top1):
        parts.ffs["sum"] += found.rows * bits

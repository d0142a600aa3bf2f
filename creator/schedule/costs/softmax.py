"""What a softmax costs."""

from __future__ import annotations

from creator.ops import Interval, Lanes, Softmax, TensorType
from creator.ops.argmax import Comparison
from creator.schedule.costs.comparison import pairs_cost
from creator.schedule.parts import Parts
from creator.schedule.rom import address_bits


def softmax_cost(parts: Parts, op: Softmax, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """Two stores, comparisons, tables, sums and dividers."""
    found, bits, sum_bits, count = Comparison(x, lanes), x.format.total_bits, op.sum_bits(x), lanes.input
    entry_bits, levels = op.entry_bits, found.levels
    for width, side in ((count * bits, bits + 1), (count * entry_bits, sum_bits + 1)):
        _store_cost(parts, address_bits(found.words), width, side, op.store_stages(x, lanes) - 1)
    pairs_cost(parts, found, bits, places=False, keeps=True)
    # The largest element so far and the sum so far; differences; entries, and which of them are beyond the table.
    parts.luts["add"] += 2 * bits + 2 * sum_bits + count * (bits + 2)
    parts.registers(bits + sum_bits + count * (bits + entry_bits + 2 * (op.entry_stages(x, lanes) - levels - 3)))
    # Beats wait while their elements are compared, and while they are added.
    terms = count
    for level in range(1, levels + 1):
        pairs, terms = terms // 2, terms // 2 + terms % 2
        parts.luts["add"] += pairs * (entry_bits + level)
        parts.registers(count * (bits + entry_bits) + terms * (entry_bits + level))
    parts.registers(4 * levels + 2 * (op.entry_stages(x, lanes) - levels) + 2 * op.division_stages)
    for _ in range(count):
        parts.rom(1 << address_bits(op.reached(x)), entry_bits)
    # Divisors; of each lane remainders and the quotient's bits so far.
    quotient = op.quotient_bits
    parts.luts["add"] += count * ((2 * quotient - 1) * sum_bits + quotient + op.output.total_bits)
    parts.registers((count + 1) * (quotient - 1) * sum_bits + count * (quotient * (quotient + 1) / 2 + op.output.total_bits))


def _store_cost(parts: Parts, place: int, width: int, side: int, behind: int) -> None:
    """A store of rows of ``2**place`` beats, with so many registers ``behind`` the memory's."""
    parts.ram(2 << place, width, register="round")
    parts.luts["add"] += 4 * place + side + 9
    parts.registers(2 * place + 3 * side + 9 + behind * (width + side + 2))

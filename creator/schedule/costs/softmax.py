"""What a softmax costs."""

from __future__ import annotations

from creator.ops import Interval, Lanes, Softmax, TensorType
from creator.ops.argmax import Comparison
from creator.schedule.parts import Parts
from creator.schedule.rom import address_bits


def softmax_cost(parts: Parts, op: Softmax, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """Two stores, comparisons, tables, sums and dividers."""
    found, bits, sum_bits, count = Comparison(x, lanes), x.format.total_bits, op.sum_bits(x), lanes.input
    entry_bits, levels = op.entry_bits, found.levels
    place = address_bits(found.words)
    stages = op.entry_stages(x, lanes)
    for width, side in ((count * bits, bits + 1), (count * entry_bits, sum_bits + 1)):
        parts.ram(2 << place, width)
        parts.luts["stream"] += 1
        parts.luts["counter"] += 2 * place
        parts.luts["choose"] += side
        parts.ffs["control"] += 2 * place + 9
        parts.ffs["held"] += 3 * side
    parts.luts["add"] += count * 2 * bits + sum_bits
    parts.luts["choose"] += count * bits + sum_bits
    parts.ffs["sum"] += bits + sum_bits + count * bits
    # Beats wait while their elements are compared, and while they are added.
    parts.ffs["held"] += levels * count * (bits + entry_bits)
    parts.luts["add"] += (count - 1) * (entry_bits + 2)
    parts.ffs["sum"] += (count - 1) * (bits + entry_bits + 2)
    parts.ffs["control"] += 2 * levels + 2 * stages
    for _ in range(count):
        parts.rom(1 << address_bits(op.reached(x)), entry_bits)
    parts.ffs["round"] += count * (entry_bits + op.output.total_bits)
    quotient = op.quotient_bits
    parts.luts["add"] += count * (quotient - 1) * (sum_bits + 2) + count * quotient
    parts.luts["choose"] += count * (quotient - 1) * sum_bits / 2
    parts.ffs["sum"] += (count + 1) * quotient * sum_bits + count * quotient * quotient / 2
    parts.ffs["control"] += 2 * op.division_stages

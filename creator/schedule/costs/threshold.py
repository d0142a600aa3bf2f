"""What thresholds cost."""

from __future__ import annotations

from creator.ops import Interval, Lanes, TensorType, Threshold
from creator.schedule.parts import Parts
from creator.schedule.rom import address_bits


def threshold_cost(parts: Parts, op: Threshold, x: TensorType, interval: Interval, own: Lanes) -> None:
    """Comparisons, and a count of those that are true."""
    lanes, levels, bits = own.input, op.levels, x.format.total_bits
    if len(op.distinct) > 1:
        words = op.words(x, own)
        width = lanes * levels * (bits + 1)
        parts.rom(words, width)
        parts.luts["add"] += 2 * address_bits(words) + 1.6 * width
        # The thresholds, behind the memory and its register, and the codes that wait for them.
        parts.registers(address_bits(words) + 0.75 * width + lanes * op.memory_stages(x, own) * bits)
    else:
        parts.luts["add"] += lanes * levels * (bits - 1)
    parts.registers(2 * op.timing((x,), own).delay + lanes * levels)
    # Counts by pairs.
    terms, most = levels, 1
    while terms > 1:
        pairs, terms, most = terms // 2, terms // 2 + terms % 2, most + 1
        parts.luts["add"] += lanes * pairs * most
        parts.registers(lanes * terms * most)

"""What thresholds cost."""

from __future__ import annotations

from creator.ops import Interval, Lanes, TensorType, Threshold
from creator.schedule.costs.elementwise import streams
from creator.schedule.parts import Parts
from creator.schedule.rom import address_bits


def threshold_cost(parts: Parts, op: Threshold, x: TensorType, interval: Interval, own: Lanes) -> None:
    """Comparisons, and a count of those that are true."""
    streams(parts, op, x, own)
    lanes, levels, bits = own.input, op.levels, x.format.total_bits
    if len(op.distinct) > 1:
        words = op.words(x, own)
        parts.rom(words, lanes * levels * (bits + 1))
        parts.luts["counter"] += address_bits(words)
        parts.ffs["control"] += address_bits(words)
        parts.ffs["operand"] += lanes * (levels * (bits + 1) + op.memory_stages(x, own) * bits)
    parts.luts["add"] += lanes * levels * bits / 2
    parts.ffs["sum"] += lanes * levels
    # Counts by pairs: all together about two bits a threshold.
    parts.luts["add"] += lanes * 2 * (levels - 1)
    parts.ffs["sum"] += lanes * 2 * (levels - 1)

"""What a slope costs."""

from __future__ import annotations

import math

from creator.formats import bits_for
from creator.ops import Interval, Lanes, Slope, TensorType
from creator.ops.slope import signed_digits
from creator.schedule.costs.elementwise import streams
from creator.schedule.parts import Parts
from creator.schedule.rom import address_bits


def slope_cost(parts: Parts, op: Slope, x: TensorType, interval: Interval, own: Lanes) -> None:
    """Sums of shifted inputs, or one small multiplication, and the choice between the two lines."""
    streams(parts, op, x, own)
    lanes, bits, value = own.input, op.operand_bits(x), bits_for(*op.exact(Interval.of(x.format)))
    held = 0 if op.everywhere else op.value_stages(x) - 1
    parts.ffs["operand"] += lanes * bits * held
    if len(op.distinct) > 1:
        words = op.slope_words(x, own)
        parts.rom(words, lanes * op.slope_bits)
        parts.luts["counter"] += address_bits(words)
        parts.ffs["control"] += address_bits(words)
        parts.ffs["operand"] += lanes * (2 * op.slope_bits + op.memory_stages(x, own) * x.format.total_bits)
        blocks = math.prod(op.parts(x))
        each = parts.family.multiplier_blocks(min(bits, 18), min(op.slope_bits, 18))
        parts.dsps += lanes * blocks * each
        parts.luts["multiply"] += 0 if each else lanes * bits * op.slope_bits
        parts.ffs["block" if each else "product"] += lanes * (bits + op.slope_bits)
        parts.luts["add"] += lanes * value * (blocks - 1)
        parts.ffs["sum"] += lanes * value * (blocks - 1)
    else:
        additions = max(0, len(signed_digits(op.distinct[0])) - 1)
        parts.luts["add"] += lanes * additions * (bits + op.slope_bits // 2)
        parts.ffs["sum"] += lanes * additions * (bits + op.slope_bits // 2)
    parts.luts["limit"] += 0 if op.everywhere else lanes * value
    parts.luts["add"] += lanes * value if op.offset else 0
    parts.ffs["round"] += lanes * value
    parts.requantizer(lanes, value, op.grid(x) - op.output.frac_bits, op.output, op.rounding, saturates=True)

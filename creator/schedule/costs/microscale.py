"""What a change to a microscaling format costs."""

from __future__ import annotations

from creator.ops import Interval, Lanes, Microscale, TensorType
from creator.ops.microscale import STAGES
from creator.schedule.parts import Parts
from creator.schedule.rom import address_bits


def microscale_cost(parts: Parts, op: Microscale, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """A store of two blocks, the leading ones of each, and a rounder a lane."""
    low, high = interval
    bits, count = max(1, max(-low, high).bit_length()), lanes.input
    place, stored = address_bits(op.words(x, lanes)), count * (bits + (low < 0))
    levels = (bits - 1).bit_length()
    parts.ram(2 << place, stored)
    parts.luts["stream"] += 1
    parts.luts["counter"] += 2 * place
    parts.luts["choose"] += bits * (1 + levels)
    parts.ffs["control"] += 2 * place + 9 + 2 * STAGES + 2 + 6 * bits + stored
    # Magnitude, its leading one, a carry, a sum, a limit, the sign.
    parts.luts["add"] += count * bits * (3 + (low < 0))
    parts.luts["choose"] += count * bits * (2 + levels * (op.depth > 0))
    parts.ffs["control"] += count * (8 * bits + 6)

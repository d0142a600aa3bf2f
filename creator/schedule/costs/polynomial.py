"""What a piecewise polynomial costs."""

from __future__ import annotations

import math

from creator.ops import Interval, Lanes, Polynomial, TensorType
from creator.schedule.costs.elementwise import streams
from creator.schedule.parts import Parts


def polynomial_cost(parts: Parts, op: Polynomial, x: TensorType, interval: Interval, own: Lanes) -> None:
    """A memory of coefficients and Horner's rule, in every lane."""
    streams(parts, op, x, own)
    lanes, offset = own.input, op.offset_bits(x)
    steps, widths = op.step_bits(x), op.widths
    for _ in range(lanes):
        parts.rom(op.segments, sum(widths))
    parts.ffs["operand"] += lanes * (sum(widths) + offset * (op.value_stages(x) - 2))
    for step in range(op.degree):
        blocks = math.prod(op.parts(x, step))
        each = parts.family.multiplier_blocks(min(steps[step], 18), min(offset, 18))
        parts.dsps += lanes * blocks * each
        parts.luts["multiply"] += 0 if each else lanes * steps[step] * offset
        parts.ffs["block" if each else "product"] += lanes * blocks * (steps[step] + offset)
        parts.luts["add"] += lanes * blocks * steps[step + 1]
        parts.ffs["sum"] += lanes * blocks * steps[step + 1]
        parts.ffs["operand"] += lanes * widths[op.degree - 1 - step] * (op.step_stages(x, step) - 1)
    parts.requantizer(lanes, steps[-1], op.fracs[-1], op.output, op.rounding, saturates=True)

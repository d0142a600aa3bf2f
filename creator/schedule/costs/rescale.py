"""What a change of scale costs."""

from __future__ import annotations

import math

from creator.affine import Affine
from creator.formats import bits_for
from creator.ops import Interval, Lanes, Rescale, TensorType
from creator.ops.rescale import operand_bits
from creator.schedule.costs.elementwise import streams
from creator.schedule.parts import Parts
from creator.schedule.rom import address_bits


def rescale_cost(parts: Parts, op: Rescale, x: TensorType, interval: Interval, own: Lanes) -> None:
    """A change of scale."""
    streams(parts, op, x, own)
    lanes = own.input
    scaling, bits = op.scaling, operand_bits(x.format)
    products = bits_for(*op.products(x, interval))
    if op.multiplier_stages(x):
        parts.ffs["operand"] += lanes * bits
        parts.luts["add"] += lanes * bits if isinstance(x.format, Affine) and x.format.zero_point else 0
    if scaling.multiplies:
        blocks = math.prod(scaling.parts(bits))
        parts.dsps += lanes * blocks * parts.family.multiplier_blocks(min(bits, 18), min(scaling.factor_bits + 1, 18))
        parts.ffs["block"] += lanes * products
        parts.ffs["sum"] += 2 * lanes * products * (blocks > 1)
        parts.luts["add"] += lanes * products * (blocks > 1)
    if len(scaling.factors) > 1:
        words = op.factor_words(x, own)
        parts.rom(words, lanes * scaling.factor_bits)
        parts.luts["counter"] += address_bits(words)
        parts.ffs["control"] += address_bits(words)
        stages = op.memory_stages(x, own)
        parts.ffs["operand"] += lanes * (2 * scaling.factor_bits + stages * x.format.total_bits)
    parts.requantizer(lanes, products, scaling.shift, op.output, op.rounding, True, op.zero_point)

"""The entities of a change of scale."""

from __future__ import annotations

import numpy as np

from creator.formats import FixedPoint, IntArray, Overflow, bits_for
from creator.ops import Interval, Rescale
from creator.render.core_files import CoreFiles, lanes_of
from creator.render.limits import requantizer_values
from creator.render.multiplier import multiplier_values
from creator.render.values import Identifier
from creator.schedule import Core
from creator.schedule.rom import address_bits


def render_rescale(files: CoreFiles, op: Rescale) -> None:
    """Renders the core's entities."""
    x, scaling = files.core.input_type, op.scaling
    channels, factor_bits = len(scaling.factors), scaling.factor_bits
    rom, factors = None, _factors(np.array(scaling.factors), files.core)
    if channels > 1:
        rom = files.rom("factors", f"factors of {files.core.node.where}, by channel", [(factors, factor_bits)])
    # What is rounded: the product, or the input itself where neither a factor nor a zero point comes before.
    multiplier, value, values = None, FixedPoint(x.format.total_bits, scaling.shift, x.format.signed), files.interval
    if op.multiplier_stages(x):
        values = Interval(*(bound >> (op.shift - scaling.shift) for bound in op.products(x, files.interval)))
        value = FixedPoint(bits_for(*values), scaling.shift)
        multiplier = files.part("multiplier", "multiplier", multiplier_values(x.format, scaling, value.total_bits))
    codes = FixedPoint(op.output.total_bits, 0, op.output.signed, op.output.symmetric)
    rules = (codes, op.rounding, Overflow.SATURATE, op.low, op.high, op.zero_point)
    requantizer = files.part("requantizer", "requantizer", requantizer_values(value, values, *rules))
    files.main(
        {
            "multiplies": scaling.multiplies,
            "factor": scaling.factors[0],
            "shift": scaling.shift,
            "factor_bits": factor_bits,
            "channels": channels,
            "memory_stages": op.memory_stages(x, files.core.lanes),
            "channel_bits": address_bits(len(factors)),
            "factor_words": len(factors),
            "frame_ends": x.size % (len(factors) * files.core.lanes.input) != 0,
            "value_bits": value.total_bits,
            "scaler": Identifier("multiplier"),
            "factors_entity": rom,
            "multiplier_entity": multiplier,
            "requantizer_entity": requantizer,
        }
    )


def _factors(factors: IntArray, core: Core) -> IntArray:
    """The factors of the elements of each beat, up to where they repeat or the frame ends; shape (beats, lanes)."""
    assert isinstance(core.node.op, Rescale)
    lanes = core.lanes.input
    words = core.node.op.factor_words(core.input_type, core.lanes)
    # Beyond the frame's end no element asks for one.
    elements = np.arange(min(words * lanes, core.input_type.size))
    return lanes_of(factors[elements % len(factors)], lanes)

"""The entities of a change to a microscaling format."""

from __future__ import annotations

from typing import Any

from creator.formats import FixedPoint, Rounding
from creator.ops import Microscale
from creator.ops.microscale import STAGES
from creator.render.core_files import CoreFiles
from creator.render.cores.minifloat import filling
from creator.render.values import Bits
from creator.schedule.rom import address_bits


def render_microscale(files: CoreFiles, op: Microscale) -> None:
    """Renders the core's entities."""
    core, x, output = files.core, files.core.input_type, files.core.node.type.format
    assert isinstance(x.format, FixedPoint)
    low, high = files.interval
    bits, signed = max(1, max(-low, high).bit_length()), low < 0
    rounder = files.part("microscale_rounder", "rounder", _rounder_values(op, bits, signed, output))
    levels, filled = filling("fill", bits)
    # The highest digits that are ones in the largest element: all, or all but the last.
    limited = op.digits - (op.largest % 2 == 0)
    words = op.words(x, core.lanes)
    files.main(
        {
            "bits": bits,
            "signed": signed,
            "limited": limited,
            "limit_zeros": Bits(0, limited),
            "block": op.row_block(x),
            "digits": op.digits,
            "depth": op.depth,
            "rounding": op.rounding,
            "interval": core.timing.interval,
            "delay": core.timing.delay,
            "lanes": core.lanes.input,
            "words": words,
            "place_bits": address_bits(words),
            "stored_bits": bits + signed,
            "stages": STAGES,
            "levels": levels,
            "filled": filled,
            "rounder_entity": rounder,
        }
    )


def _rounder_values(op: Microscale, bits: int, signed: bool, output: Any) -> dict[str, Any]:
    own, block = op.digits, op.digits + op.depth
    levels, reach = filling("reach", bits - own)
    return {
        "bits": bits,
        "signed": signed,
        # Whether an element's own leading one counts: that of the block says all where there is no depth.
        "own": op.depth > 0 and own < bits,
        "limits_below": op.least == -op.largest,
        "output_bits": output.total_bits,
        "own_bits": bits - own,
        "own_from": own,
        "own_zeros": Bits(0, min(own, bits)),
        "reach": reach,
        "levels": levels,
        "block_from": block if block < bits else 0,
        "block_zeros": Bits(0, min(block, bits)),
        "drops": own < bits,
        "nothing": Bits(0, bits),
        "no_growth": Bits(0, bits + 1),
        "rounding": op.rounding,
        "carries": op.rounding in (Rounding.HALF_EVEN, Rounding.HALF_AWAY, Rounding.HALF_UP),
        "grows": op.rounding is Rounding.FLOOR and signed,
    }

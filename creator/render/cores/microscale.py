"""The entities of a change to a microscaling format."""

from __future__ import annotations

from typing import Any

from creator.formats import FixedPoint, Rounding
from creator.ops import Microscale
from creator.ops.microscale import STAGES
from creator.render.core_files import CoreFiles
from creator.render.cores.minifloat import Level
from creator.render.values import Bits, Identifier
from creator.schedule.rom import address_bits


def filling(name: str, width: int) -> list[Level]:
    """The levels that put a one wherever there is one above, in signals of so many bits that begin with ``name``."""
    levels: list[Level] = []
    step = 1
    while step < width:
        source = Identifier(f"{name}_{len(levels)}")
        levels.append(Level(Identifier(f"{name}_{len(levels) + 1}"), source, Bits(0, step), step))
        step *= 2
    return levels


def render_microscale(files: CoreFiles, op: Microscale) -> None:
    """Renders the core's entities."""
    core, x, output = files.core, files.core.input_type, files.core.node.type.format
    assert isinstance(x.format, FixedPoint)
    low, high = files.interval
    bits, signed = max(1, max(-low, high).bit_length()), low < 0
    shared = {
        "bits": bits,
        "signed": signed,
        "own": op.depth > 0 and op.digits < bits,
        "limited": op.digits - (op.largest % 2 == 0),
        "limits_below": op.least == -op.largest,
        "limit_zeros": Bits(0, max(1, op.digits - (op.largest % 2 == 0))),
    }
    rounder = files.part("microscale_rounder", "rounder", shared | _rounder_values(op, bits, signed, output))
    levels = filling("fill", bits)
    words = op.words(x, core.lanes)
    files.main(
        shared
        | {
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
            "filled": levels[-1].name if levels else Identifier("fill_0"),
            "rounder_entity": rounder,
        }
    )


def _rounder_values(op: Microscale, bits: int, signed: bool, output: Any) -> dict[str, Any]:
    own, block = op.digits, op.digits + op.depth
    levels = filling("reach", bits - own) if op.depth and own < bits else []
    return {
        "output_bits": output.total_bits,
        "own_bits": max(0, bits - own),
        "own_from": own,
        "own_zeros": Bits(0, min(own, bits)),
        "reach": levels[-1].name if levels else Identifier("reach_0"),
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

"""The entities of a table."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from creator.affine import Format
from creator.ops import Lookup
from creator.ops.base import is_deep
from creator.render.core_files import CoreFiles
from creator.render.cores.slope import Held
from creator.render.values import Bit, Bits, Identifier, Vector


@dataclass(frozen=True)
class Side:
    """Where a code lies beyond a table: its sign, and what the bits between the sign and the place are inside of it."""

    name: Identifier
    sign: Bit
    same: Bits


@dataclass(frozen=True)
class Line:
    """What codes on that side become: ``bits``, or of a ``shifted`` code the ``source``."""

    side: Identifier
    value: int
    bits: Bits
    shifted: bool
    shift: int
    source: Vector | None


def render_lookup(files: CoreFiles, op: Lookup) -> None:
    """Renders the core's entities."""
    purpose = f"table of {files.core.node.where}, by the input's bits"
    memory = files.rom("table", purpose, [(op.table[:, None], op.output.total_bits)])
    table = memory
    if op.chooses:
        table = files.part(
            "table_window", "window", window_values(op, files.core.input_type.format) | {"memory_entity": memory}
        )
    files.main(
        {
            "deep": is_deep(len(op.table)),
            "read_bits": files.core.input_type.format.total_bits if op.chooses else op.address_bits,
            "chooses": op.chooses,
            "symmetry": op.symmetry,
            "table_entity": table,
        }
    )


def window_values(op: Lookup, source: Format) -> dict[str, Any]:
    """Values for ``table_window.vhd.j2``."""
    bits, width, place_bits = source.total_bits, op.output.total_bits, op.address_bits
    stages = op.memory_stages + 1
    # The bits that tell: between sign and place; of a magnitude, and of an unsigned code, those above the place.
    upper = bits - place_bits
    sides = [
        Side(Identifier(name), Bit(name == "below"), Bits(-1 if name == "below" and not op.symmetry else 0, upper))
        for name, line in (("below", op.below), ("above", op.above))
        if line
    ]
    shifts = [line for line in (op.below, op.above) if len(line) == 2]
    names = [Identifier(f"code_{stage}") for stage in range(stages + bool(op.symmetry) + 1)] if shifts else []
    lines = [
        _line(side, line, source, width, names[-1] if names else None)
        for side, line in (("below", op.below), ("above", op.above))
        if line
    ]
    return {
        "input_format": source,
        "signed": source.signed,
        "bits": bits,
        "width": width,
        "place_bits": place_bits,
        "symmetry": op.symmetry,
        "centre": op.centre,
        "centre_bits": Bits(op.centre & ((1 << width) - 1), width),
        "clips": op.clips,
        "top": Bits(op.output.max_code, width),
        "top_value": op.output.max_code,
        "entry_signed": op.output.signed,
        "limit": Bits(op.centre - op.output.max_code, width) if op.clips else None,
        "deep": is_deep(len(op.table)),
        "stages": stages,
        "below": bool(op.below),
        "above": bool(op.above),
        "lines": [(line.side, line) for line in lines],
        "choices": lines,
        "sides": sides,
        "held": [Held(after, before) for before, after in pairwise(names)],
    }


def _line(side: str, line: tuple[int, ...], source: Format, width: int, code: Identifier | None) -> Line:
    shifted = len(line) == 2
    shift = line[1] if shifted else 0
    vector = Vector(code, source.total_bits, source.signed, shift, width) if shifted and code else None
    return Line(Identifier(side), line[0], Bits(line[0] & ((1 << width) - 1), width), shifted, shift, vector)

"""The entities of a change to a floating-point format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from creator.formats import FixedPoint, Rounding
from creator.ops import Interval, Minifloat
from creator.render.core_files import CoreFiles
from creator.render.limits import limit_values
from creator.render.values import Bits, Identifier


@dataclass(frozen=True)
class Level:
    """A level of the search for the leading one: each place joins with the one ``step`` places above."""

    name: Identifier
    source: Identifier
    zeros: Bits
    step: int


def filling(name: str, width: int) -> tuple[list[Level], Identifier]:
    """The levels that put a one wherever there is one above, among ``width`` bits, and the signal that has them all.

    Signals are called ``name`` and the number of their level; 0 is what is filled.
    """
    levels: list[Level] = []
    step, source = 1, Identifier(f"{name}_0")
    while step < width:
        levels.append(Level(Identifier(f"{name}_{len(levels) + 1}"), source, Bits(0, step), step))
        step, source = 2 * step, levels[-1].name
    return levels, source


def render_minifloat(files: CoreFiles, op: Minifloat) -> None:
    """Renders the core's entities."""
    fmt = files.core.input_type.format
    assert isinstance(fmt, FixedPoint)
    rounder = files.part("minifloat_rounder", "rounder", rounder_values(op, fmt, files.interval))
    files.main({"digits": op.mantissa + 1, "low": op.low, "high": op.high, "requantizer_entity": rounder})


def rounder_values(op: Minifloat, fmt: FixedPoint, values: Interval) -> dict[str, Any]:
    """Values for ``minifloat_rounder.vhd.j2``, for codes of ``fmt`` within ``values``."""
    bits = max(1, max(map(abs, values)).bit_length())
    # Dropping more bits than one beyond the magnitude's own gives the same: everything is then a quarter or less.
    shift = min(op.shift(fmt), bits + 1)
    wide = max(bits, op.mantissa + 2, shift + 1)
    reached = wide - op.mantissa - 1
    kept = wide + 1 - shift
    levels, source = filling("reach", reached)
    always = max(shift, 0)
    signed = values.low < 0
    limits = limit_values("value_5", "result", op.rounded(fmt, values), op.low, op.high, op.output)
    return limits | {
        "value_format": fmt,
        "output_format": op.output,
        "rounding": op.rounding,
        "low": op.low,
        "high": op.high,
        "digits": op.mantissa + 1,
        "bits": bits,
        "wide_bits": wide,
        "shift": shift,
        "kept_bits": kept,
        "reached": reached,
        "first": op.mantissa + 1,
        "levels": levels,
        "reach": source,
        "never": Bits(0, wide - max(reached, always)),
        "found": reached > always,
        "always": always,
        "always_dropped": Bits(-1, always) if always else None,
        "appended": Bits(0, -shift) if shift < 0 else None,
        "nothing": Bits(0, wide),
        "no_growth": Bits(0, wide + 1),
        "signed": signed,
        "carries": op.rounding in (Rounding.HALF_EVEN, Rounding.HALF_AWAY, Rounding.HALF_UP),
        "grows": op.rounding is Rounding.FLOOR and signed,
    }

"""What the template of a window reader needs to know: its loops, how places move, and what is counted."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from creator.affine import Format
from creator.formats import bits_for
from creator.ops.window import Ring
from creator.render.values import AllOf, Bit, Bits, Identifier
from creator.schedule.rom import address_bits

LINE = ("beat", "column")
TAPS = (*LINE, "line")
CORNER = (*TAPS, "again")
WINDOW = (*CORNER, "part")
"""Loops, the innermost first: of a row of taps, of all of them, of all groups of outputs, of all groups of channels."""


@dataclass(frozen=True)
class Order:
    """In which order a window's beats are read.

    For each of ``blocks`` of its channels, ``again`` times, all taps, and of each tap the beats of the block.
    """

    blocks: int
    again: int


@dataclass(frozen=True)
class Loop:
    """A loop of more than one turn, which turns where all of ``cause`` are 1; ``turn`` is the one for a frame's second beat."""

    name: str
    count: int
    cause: AllOf
    turn: int

    @property
    def second(self) -> Bits:
        """Its counter for a frame's second beat."""
        return Bits(self.turn, self.bits)

    @property
    def second_ends(self) -> Bit:
        """Whether that is its last turn."""
        return Bit(self.turn == self.count - 1)

    @property
    def bits(self) -> int:
        """Width of its counter."""
        return address_bits(self.count)

    @property
    def count_name(self) -> Identifier:
        """Its counter."""
        return Identifier(f"{self.name}_count")

    @property
    def ends(self) -> Identifier:
        """What says that it is in its last turn."""
        return Identifier(f"{self.name}_ends")

    @property
    def turns(self) -> Identifier:
        """What says that it turns."""
        return Identifier(f"{self.name}_turns")


@dataclass(frozen=True)
class Choice:
    """A value for where ``flags`` are not all 1, and those of the choices before it are; the last one has none."""

    value: Identifier | Bits
    flags: AllOf | None


def window_values(ring: Ring, order: Order, fmt: Format, lanes: int, pad_code: int, marks_first: bool) -> dict[str, Any]:
    """Values for ``window.vhd.j2``.

    Args:
        ring: the memory and the geometry.
        order: of a window's beats.
        fmt: of the elements.
        lanes: elements of a beat.
        pad_code: what stands for padding.
        marks_first: whether anything asks where the taps begin.
    """
    beats = ring.beats // order.blocks
    counts = {
        "beat": beats,
        "column": ring.kernel[1],
        "line": ring.kernel[0],
        "again": order.again,
        "part": order.blocks,
        "x": ring.places[1],
        "y": ring.places[0],
    }
    names = [name for name, count in counts.items() if count > 1]
    bits, places = fmt.total_bits, address_bits(ring.depth)
    most = ring.depth + ring.span + max(map(abs, ring.jump))
    count_bits = bits_for(-most, most)
    frames = -(-most // ring.frame) + 1
    return {
        "input_format": fmt,
        "lanes": lanes,
        "data_bits": bits * lanes,
        "depth": ring.depth,
        "span": ring.span,
        "frame": ring.frame,
        "frame_bits": address_bits(ring.frame),
        "place_bits": places,
        "count_bits": count_bits,
        "behind_bits": bits_for(-frames, frames),
        "blocks": order.blocks,
        "marks_first": marks_first,
        "padded": ring.window.padded,
        "padding_beat": Bits(sum((pad_code & ((1 << bits) - 1)) << (bits * lane) for lane in range(lanes)), bits * lanes),
        "loops": _loops(names, counts),
        "row_loops": _flags(_among(names, *TAPS)),
        "window_loops": _flags(_among(names, *WINDOW)),
        "frame_loops": _flags(names),
        "line_loops": _flags(_among(names, *LINE)),
        "corner_loops": _flags(_among(names, *CORNER)),
        "jumps_by_row": "x" in names,
        "first": _first(ring, order, names, places),
        "first_inside": Bit(not any(ring.before)),
        "has_line": "line" in names,
        **_moves(ring, order, names, places),
        "axes": _axes(ring, names),
        "stays": Bits(0, count_bits),
        "stays_stores": Bits(1, count_bits),
        "jumps": _jumps(ring, names, count_bits),
        "lack_first": Bits(ring.start - ring.span, count_bits),
        "room_first": Bits(ring.depth - 1 - ring.start, count_bits),
        "place_first": Bits(-ring.start % ring.depth, places),
    }


def _among(names: list[str], *wanted: str) -> list[str]:
    return [name for name in names if name in wanted]


def _flags(names: list[str]) -> AllOf:
    return AllOf(tuple(Identifier(f"{name}_ends") for name in names))


def _after(first: str, names: list[str]) -> AllOf:
    return AllOf((Identifier(first), *_flags(names).names))


def _moves(ring: Ring, order: Order, names: list[str], places: int) -> dict[str, list[Choice]]:
    """From where, and how far, the place moves on with each loop that may be the first not to end."""
    beats, jump = ring.beats // order.blocks, ring.jump
    back = (order.blocks - 1) * beats
    steps = {
        "beat": ("place", 1),
        "column": ("place", ring.dilation[1] * ring.beats - (beats - 1)),
        "line": ("line_place", ring.dilation[0] * ring.row),
        "again": ("corner", 0),
        "part": ("corner", beats),
        "x": ("corner", jump.window - back),
        "y": ("corner", jump.row - back),
        "": ("corner", jump.frame - back),
    }
    chain = [*names, ""]
    around = {name: steps[name][1] % ring.depth - ring.depth for name in chain}
    return {
        "origins": _choices(chain, [Identifier(steps[name][0]) for name in chain]),
        "distances": _choices(chain, [Bits(steps[name][1] % ring.depth, places + 1) for name in chain]),
        "arounds": _choices(chain, [Bits(around[name], places + 1) for name in chain]),
    }


def _choices(chain: list[str], values: Sequence[Identifier | Bits]) -> list[Choice]:
    """The value of the first loop of ``chain`` that is not in its last turn; neighbours with the same value are one choice."""
    found = []
    for value, same in itertools.groupby(zip(chain, values, strict=True), key=lambda pair: pair[1]):
        names = [name for name, _ in same]
        found.append(Choice(value, _flags(names) if "" not in names else None))
    return found


def _loops(names: list[str], counts: dict[str, int]) -> list[Loop]:
    """The loops, each turning when the one inside it ends."""
    found: list[Loop] = []
    for name in names:
        cause = AllOf((found[-1].turns, found[-1].ends)) if found else AllOf((Identifier("advance"),))
        found.append(Loop(name, counts[name], cause, int(not found)))
    return found


def _first(ring: Ring, order: Order, names: list[str], places: int) -> dict[str, Bit | Bits]:
    """What is known of a frame's first beat: no loop is in its last turn, so the innermost one moves on."""
    moves = _moves(ring, order, names, places)
    distance, around = moves["distances"][0].value, moves["arounds"][0].value
    assert isinstance(distance, Bits)
    assert isinstance(around, Bits)
    origins = [str(choice.value) for choice in moves["origins"]]
    return {
        "ends_row": Bit(not _among(names, *TAPS)),
        "ends_window": Bit(not _among(names, *WINDOW)),
        "ends_frame": Bit(not names),
        "ends_windows": Bit("x" not in names),
        "from_place": Bit(len(origins) > 1),
        "from_line": Bit(origins[0] == "line_place" or len(origins) > 2),
        "begins_line": Bit(not _among(names, *LINE)),
        "begins_corner": Bit(not _among(names, *CORNER)),
        "distance": distance,
        "around": around,
    }


def _jumps(ring: Ring, names: list[str], bits: int) -> list[dict[str, Any]]:
    """How much less there is from the base on, when a window ends."""
    by_flag = {"ends_windows": ring.jump.window, "ends_frame": ring.jump.row, "": ring.jump.frame}
    kept = [("ends_windows", "x" in names), ("ends_frame", "y" in names), ("", True)]
    return [
        {
            "flag": Identifier(flag) if flag else None,
            "idle": Bits(-by_flag[flag], bits),
            "stores": Bits(1 - by_flag[flag], bits),
        }
        for flag, is_there in kept
        if is_there
    ]


def _axes(ring: Ring, names: list[str]) -> list[dict[str, Any]]:
    """The axes that have padding: how the tap's position on each moves."""
    before, after = ring.before, ring.after
    found = []
    for index, (name, loop, turns, ends) in enumerate((("y", "line", LINE, ("x",)), ("x", "column", ("beat",), ()))):
        if before[index] or after[index]:
            size = ring.size[index]
            bits = bits_for(-before[index] - 1, size + after[index])
            found.append(
                {
                    "name": Identifier(name),
                    "loop": Identifier(loop) if loop in names else None,
                    "place_loop": Identifier(name) if name in names else None,
                    "turns": _after("advance", _among(names, *turns)),
                    "stays": _flags(_among(names, *WINDOW, *ends)),
                    "before": before[index],
                    "after": after[index],
                    "size": size,
                    "bits": bits,
                    "dilation": ring.dilation[index],
                    "stride": ring.stride[index],
                    "first": Bits(-before[index], bits),
                    **_second(ring, index, names, bits),
                }
            )
    return found


def _second(ring: Ring, index: int, names: list[str], bits: int) -> dict[str, Bits]:
    """Where a frame's second tap is on an axis, and the corner of its window."""
    first, inner = -ring.before[index], names[0] if names else ""
    tap = first + (ring.dilation[index] if inner == ("line", "column")[index] else 0)
    corner = first + (ring.stride[index] if inner == ("y", "x")[index] else 0)
    return {"second": Bits(max(tap, corner), bits), "second_corner": Bits(corner, bits)}

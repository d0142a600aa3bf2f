"""What the template of a window reader needs to know: its loops, how places move, and what is counted."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from creator.affine import Format
from creator.formats import bits_for
from creator.ops.window import Ring
from creator.render.values import AllOf, Bits, Identifier
from creator.schedule.rom import address_bits


@dataclass(frozen=True)
class Order:
    """In which order a window's beats are read.

    For each of ``blocks`` of its channels, ``again`` times, all taps, and of each tap the beats of the block.
    """

    blocks: int
    again: int


@dataclass(frozen=True)
class Loop:
    """A loop of more than one turn, which turns where all of ``cause`` are 1."""

    name: str
    count: int
    cause: AllOf

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
        "row_loops": _flags(_among(names, "beat", "column", "line")),
        "window_loops": _after("ends_row", _among(names, "again", "part")),
        "frame_loops": _after("ends_window", _among(names, "x", "y")),
        "corner_moves": _after("advance", _among(names, "beat", "column", "line", "again")),
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
        found.append(Loop(name, counts[name], cause))
    return found


def _jumps(ring: Ring, names: list[str], bits: int) -> list[dict[str, Any]]:
    """How much less there is from the base on, when a window ends."""
    by_loop = {"x": ring.jump.window, "y": ring.jump.row, "": ring.jump.frame}
    chain = [name for name in by_loop if name in names or not name]
    choices = _choices(chain, [Bits(-by_loop[name], bits) for name in chain])
    found = []
    for choice in choices:
        assert isinstance(choice.value, Bits)
        found.append({"flags": choice.flags, "idle": choice.value, "stores": Bits(choice.value.value + 1, bits)})
    return found


def _axes(ring: Ring, names: list[str]) -> list[dict[str, Any]]:
    """The axes that have padding: how the tap's position on each moves."""
    before, after = ring.before, ring.after
    found = []
    for index, (name, loop, turns, ends) in enumerate(
        (("y", "line", ("beat", "column"), ("x",)), ("x", "column", ("beat",), ()))
    ):
        if before[index] or after[index]:
            size = ring.size[index]
            bits = bits_for(-before[index] - 1, size + after[index])
            found.append(
                {
                    "name": Identifier(name),
                    "loop": Identifier(loop) if loop in names else None,
                    "place_loop": Identifier(name) if name in names else None,
                    "turns": _after("advance", _among(names, *turns)),
                    "stays": _after("ends_window", _among(names, *ends)),
                    "before": before[index],
                    "after": after[index],
                    "size": size,
                    "bits": bits,
                    "dilation": ring.dilation[index],
                    "stride": ring.stride[index],
                    "first": Bits(-before[index], bits),
                }
            )
    return found

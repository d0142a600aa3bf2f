"""Renders the entities of one core; what the renderers of all operations share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from creator.affine import Format
from creator.bits import bit_words
from creator.formats import FixedPoint, IntArray
from creator.ops import Interval, beats
from creator.ops.base import is_deep
from creator.render.environment import render
from creator.render.names import Names
from creator.render.values import Bits, Comment, Identifier, Words, table_rows
from creator.schedule import Core
from creator.schedule.rom import address_bits, is_block_rom, rom_banks

LINE_BITS = 96


@dataclass(frozen=True)
class Bank:
    """Part of a deep memory: ``depth`` words from the address ``start`` on, a multiple of it; ``rows`` are their
    text, ``choice`` is the bank's number."""

    choice: Bits
    start: int
    depth: int
    rows: list[Words]

    @property
    def address_bits(self) -> int:
        """Bits of an address within the bank."""
        return address_bits(self.depth)


def banks_of(words: list[str], columns: int) -> list[Bank]:
    """The banks of a deep memory. All are read at once, so the last of several has words of zeros for what it lacks."""
    banks: list[Bank] = []
    start = 0
    depths = rom_banks(len(words), len(words[0]))
    choices = address_bits(len(depths))
    for depth in depths:
        part = words[start : start + depth]
        if len(depths) > 1:
            part += ["0" * len(words[0])] * (depth - len(part))
        banks.append(Bank(Bits(len(banks), choices), start, len(part), table_rows(part, columns)))
        start += depth
    return banks


class CoreFiles:
    """Renders the entities of one core.

    ``files`` has their names and texts in the order in which they compile; ``block_roms`` names the constant
    memories that belong in block RAM, ``logic_roms`` the others.

    Args:
        core: what to render.
        intervals: bounds of the codes of each value that the core reads.
        entity: name of its entity.
        names: scope of all entities.
    """

    def __init__(self, core: Core, intervals: tuple[Interval, ...], entity: Identifier, names: Names) -> None:
        self.core = core
        self.intervals = intervals
        self.interval = intervals[0]
        self.entity = entity
        self.names = names
        self.files: list[tuple[Identifier, str]] = []
        self.block_roms: list[Identifier] = []
        self.logic_roms: list[Identifier] = []

    def part(self, template: str, suffix: str, values: dict[str, Any]) -> Identifier:
        """Renders an entity that belongs to the core; returns its name."""
        entity = self.names.unique(f"{self.entity}_{suffix}")
        self.files.append((entity, render(template, values | {"entity": entity})))
        return entity

    def rom(self, suffix: str, purpose: str, fields: Sequence[tuple[IntArray, int]]) -> Identifier:
        """Renders a memory whose words consist of the given fields, the lowest first: codes of shape (words, n), and widths."""
        words = bit_words(fields)
        width, depth = len(words[0]), len(words)
        columns = max(1, LINE_BITS // (width + 4))
        values = {
            "purpose": Comment(purpose),
            "depth": depth,
            "width": width,
            "address_bits": address_bits(depth),
            "block": is_block_rom(depth, width),
        }
        if is_deep(depth):
            banks = banks_of(words, columns)
            values |= {"banks": banks, "later": banks[:0:-1], "bank_bits": address_bits(len(banks))}
            entity = self.part("deep_rom", suffix, values)
        else:
            values |= {"rows": table_rows(words, columns), "word": Words(tuple(words[:1]), named=False, end=True)}
            entity = self.part("rom", suffix, values)
        (self.block_roms if values["block"] else self.logic_roms).append(entity)
        return entity

    def main(self, values: dict[str, Any]) -> None:
        """Renders the core's own entity from the template that is called as its operation."""
        node = self.core.node
        common: dict[str, Any] = {
            "entity": self.entity,
            "where": Comment(node.where),
            "elements": self.core.input_type.size,
            "input_format": self.core.input_type.format,
            "output_format": node.type.format,
            "input_lanes": self.core.lanes.input,
            "output_lanes": self.core.lanes.output,
            "stages": self.core.timing.delay,
        }
        for letter, feed in zip("ab", self.core.feeds, strict=False) if len(self.core.feeds) > 1 else ():
            common |= {f"{letter}_format": feed.type.format, f"{letter}_lanes": feed.lanes}
        self.files.append((self.entity, render(node.op.name, common | values)))


def lanes_of(codes: IntArray, lanes: int) -> IntArray:
    """``codes`` in words of so many, row by row; what is missing in the last word is zero."""
    words = np.zeros((beats(len(codes), lanes), lanes), dtype=np.int64)
    words.reshape(-1)[: len(codes)] = codes
    return words


def full_range(fmt: Format) -> FixedPoint:
    """The integers of ``fmt``, with every bit pattern allowed."""
    return FixedPoint(fmt.total_bits, 0, fmt.signed)

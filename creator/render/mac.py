"""What the templates of multiplying and accumulating need to know: widths, and the levels of the adder tree."""

from __future__ import annotations

import itertools
import textwrap
from dataclasses import dataclass
from typing import Any

from creator.formats import FixedPoint
from creator.ops import Conv, Lanes, Linear
from creator.ops.base import is_deep
from creator.render.values import COMMENT_CHARACTERS, Bits, Comment, Identifier
from creator.schedule.mac_array import MacArray


@dataclass(frozen=True)
class Level:
    """A level of the adder tree: for each row so many ``terms`` of ``bits`` bits, sums of pairs of the source's terms."""

    terms: int
    bits: int
    source: Identifier
    source_terms: int

    @property
    def pairs(self) -> int:
        """Sums of two terms."""
        return self.source_terms // 2

    @property
    def odd(self) -> int:
        """Whether a term is left over, 1 or 0."""
        return self.source_terms % 2


def stage_names(op: Linear, lanes: Lanes) -> list[str]:
    """What the registers of a core's pipeline hold, from the address on."""
    deep = is_deep(op.words(lanes))
    names = [
        "memory",
        *(["the output of its RAM", "padding"] if isinstance(op, Conv) and op.padded and not deep else []),
        "its output",
    ]
    names += ["the way from its blocks", "the choice among its banks"] if deep else []
    names += ["the way to the multipliers", "operands", "products", "the way to the adders"] if op.far(lanes) else []
    names += [] if op.far(lanes) else ["operands", "products"]
    names += ["products that shared a multiplier"] if lanes.packed else []
    names += ["sums by pairs"] * (op.terms(lanes) - 1).bit_length()
    names.append("sum")
    names += ["rounded value"] * (op.stages(lanes) - len(names) - 1)
    return [*names, "result"]


def stage_lines(op: Linear, lanes: Lanes) -> list[Comment]:
    """The stages of a core's pipeline with their numbers, in lines of a comment."""
    found: list[str] = []
    number = 0
    for name, same in itertools.groupby(stage_names(op, lanes)):
        first, number = number + 1, number + len(list(same))
        found.append(f"{first} {name}" if first == number else f"{first} to {number} {name}")
    return [Comment(line) for line in textwrap.wrap(", ".join(found) + ".", COMMENT_CHARACTERS)]


def mac_values(array: MacArray, align: int, accumulator: FixedPoint) -> dict[str, Any]:
    """Values for ``mac.vhd.j2`` and ``mac_array.vhd.j2``.

    Args:
        array: the multipliers.
        align: bits by which products are shifted left.
        accumulator: format of the sums.
    """
    lanes, rows = array.terms, array.lanes.output
    levels: list[Level] = []
    source, terms = Identifier("product"), lanes
    for count, bits in array.level_bits(accumulator.total_bits - align):
        levels.append(Level(count, bits, source, terms))
        source, terms = Identifier(f"level_{len(levels)}"), count
    lone_rows = rows - 2 * array.pairs
    return {
        "activation_format": array.x.format,
        "accumulator_format": accumulator,
        "activation_bits": array.activation_bits,
        "product_bits": array.product_bits,
        "align": align,
        "zeros": Bits(0, align) if align else None,
        "activations": array.lanes.input,
        "lanes": lanes,
        "rows": rows,
        "products": array.products,
        "side_rows": rows // array.sides if array.sides > 1 else 0,
        "pairs": array.pairs,
        "low_bits": array.low_bits,
        "upper_bits": array.upper_bits,
        "pair_bits": array.upper_bits + array.weight_bits,
        "lone": lanes * lone_rows,
        "lone_rows": lone_rows,
        "lone_from": array.pairs * lanes * (array.upper_bits + array.weight_bits),
        "levels": levels,
        "term": source,
        "term_bits": levels[-1].bits if levels else array.product_bits,
        "selects": array.selects,
        "minus_one": Bits(-1, array.weight_bits),
        "minus_two": Bits(-2, max(2, array.weight_bits)),
        "one": Bits(1, max(2, array.weight_bits)),
    }

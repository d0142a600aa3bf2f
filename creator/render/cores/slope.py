"""The entities of a slope."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from creator.formats import FixedPoint, IntArray, bits_for
from creator.ops import Interval, Slope, TensorType
from creator.ops.rescale import PART_BITS
from creator.ops.slope import signed_digits
from creator.render.core_files import CoreFiles, lanes_of
from creator.render.limits import requantizer_values
from creator.render.multiplier import Product, Sum, Term, parts, products_of, sums_of
from creator.render.values import Bits, Identifier
from creator.schedule.rom import address_bits


@dataclass(frozen=True)
class Addition:
    """A multiple of the operand: one of ``first`` and of ``second`` shifted ``above`` places over it, or ``first`` alone.

    ``lessens``: second is subtracted; ``lessened``: first is.
    """

    term: Term
    first: Term
    second: Term | None
    above: int
    lessens: bool
    lessened: bool


@dataclass(frozen=True)
class Multiple:
    """``factor`` times the operand, in ``term``; with ``negative`` it has to be subtracted from what it is added to."""

    term: Term
    factor: int
    negative: bool


@dataclass(frozen=True)
class Held:
    """The operand, one stage later than ``before``."""

    name: Identifier
    before: Identifier


def render_slope(files: CoreFiles, op: Slope) -> None:
    """Renders the core's entities."""
    x, lanes = files.core.input_type, files.core.lanes
    slopes = op.distinct
    rom, words = None, op.slope_words(x, lanes)
    if len(slopes) > 1:
        elements = np.arange(min(words * lanes.input, x.size))
        codes: IntArray = np.array(slopes)[elements % len(slopes)]
        fields = [(lanes_of(codes, lanes.input), op.slope_bits)]
        rom = files.rom("factors", f"slopes of {files.core.node.where}, by channel", fields)
    value = FixedPoint(bits_for(*op.exact(Interval.of(x.format))), op.grid(x))
    part = files.part("slope_value", "value", value_values(op, x, value.total_bits))
    rules = (op.output, op.rounding, op.overflow, op.low, op.high)
    requantizer = files.part("requantizer", "requantizer", requantizer_values(value, op.exact(files.interval), *rules))
    files.main(
        {
            "everywhere": op.everywhere,
            "factor": slopes[0],
            "shift": op.frac_bits,
            "offset": op.offset,
            "grid": op.grid(x),
            "factor_bits": op.slope_bits,
            "channels": len(slopes),
            "memory_stages": op.memory_stages(x, lanes),
            "channel_bits": address_bits(words),
            "factor_words": words,
            "frame_ends": x.size % (words * lanes.input) != 0,
            "value_bits": value.total_bits,
            "scaler": Identifier("line"),
            "factors_entity": rom,
            "multiplier_entity": part,
            "requantizer_entity": requantizer,
        }
    )


def value_values(op: Slope, x: TensorType, value_bits: int) -> dict[str, Any]:
    """Values for ``slope_value.vhd.j2``."""
    bits, slopes = op.operand_bits(x), op.distinct
    products: list[Product] = []
    sums: list[Sum] = []
    additions: list[Addition] = []
    whole: Multiple | None = None
    if len(slopes) > 1:
        operand_parts, factor_parts = op.parts(x)
        products = products_of(parts(bits, operand_parts), parts(op.slope_bits, factor_parts))
        sums = sums_of([product.term for product in products])
        last = sums[-1].term if sums else products[0].term
        whole = Multiple(last, 1, False)
    else:
        additions, whole = additions_of(slopes[0], bits)
    late = op.value_stages(x) - (2 if len(slopes) > 1 else 1)
    names = [Identifier("operand"), *(Identifier(f"operand_{stage + 1}") for stage in range(0 if op.everywhere else late))]
    place = whole.term.place if whole else 0
    return {
        "input_format": x.format,
        "operand_bits": bits,
        "channels": len(slopes),
        "factor": slopes[0],
        "factor_bits": op.slope_bits,
        "part_bits": PART_BITS,
        "products": products,
        "sums": sums,
        "additions": additions,
        "held": [Held(name, before) for before, name in pairwise(names)],
        "newest": names[-1],
        "whole": whole.term.name if whole else None,
        "line_bits": whole.term.bits if whole else 0,
        "line_place": place,
        "zeros": Bits(0, place) if place else None,
        "negated": whole is not None and whole.negative,
        "everywhere": op.everywhere,
        "shift": op.frac_bits,
        "offset": op.offset,
        "offset_bits": Bits(op.offset, value_bits),
        "value_bits": value_bits,
    }


def additions_of(slope: int, operand_bits: int) -> tuple[list[Addition], Multiple | None]:
    """What adds up ``slope`` times an operand, by pairs of shifted operands, one stage for each round; ``None`` for zero."""
    operand = Identifier("operand")
    terms = [Multiple(Term(operand, place, operand_bits), 1, digit < 0) for place, digit in signed_digits(slope)]
    made: list[Addition] = []
    while len(terms) > 1:
        paired = [terms[i : i + 2] for i in range(0, len(terms), 2)]
        rounds = [_addition(len(made) + i, operand_bits, *pair) for i, pair in enumerate(paired)]
        made += [addition for addition, _ in rounds]
        terms = [multiple for _, multiple in rounds]
    return made, terms[0] if terms else None


def _addition(index: int, operand_bits: int, first: Multiple, second: Multiple | None = None) -> tuple[Addition, Multiple]:
    name = Identifier(f"sum_{index}")
    if second is None:
        term = Term(name, first.term.place, first.term.bits)
        return Addition(term, first.term, None, 0, False, False), Multiple(term, first.factor, first.negative)
    above = second.term.place - first.term.place
    # Both to be subtracted: their sum is. Else the difference has its sign.
    negative = first.negative and second.negative
    lessens, lessened = second.negative and not negative, first.negative and not negative
    factor = (-first.factor if lessened else first.factor) + ((-second.factor if lessens else second.factor) << above)
    most = 1 << (operand_bits - 1)
    bits = bits_for(*sorted((-most * factor, (most - 1) * factor)))
    term = Term(name, first.term.place, max(bits, first.term.bits, second.term.bits + above))
    return Addition(term, first.term, second.term, above, lessens, lessened), Multiple(term, factor, negative)

"""What the template of a multiplier needs to know: the parts of wide numbers, and how their products add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from creator.affine import Format
from creator.ops.rescale import PART_BITS, Scaling, operand_bits, zero_point
from creator.render.values import Bits, Identifier


@dataclass(frozen=True)
class Part:
    """Bits ``high`` down to ``low`` of a number; ``top`` for the highest part, which has the number's sign."""

    high: int
    low: int
    top: bool

    @property
    def bits(self) -> int:
        """Width as a signed number."""
        return self.high - self.low + 1 + (not self.top)


@dataclass(frozen=True)
class Term:
    """A register that holds ``bits`` bits, of which the lowest counts 2**``place``."""

    name: Identifier
    place: int
    bits: int


@dataclass(frozen=True)
class Product:
    """A part of the operand times a part of the factor."""

    term: Term
    operand: Part
    factor: Part


@dataclass(frozen=True)
class Sum:
    """Two terms, the second ``above`` places over the first, or the first alone, one stage later."""

    term: Term
    first: Term
    second: Term | None
    above: int


def parts(bits: int, count: int) -> list[Part]:
    """A signed number of ``bits`` bits in ``count`` parts, the lowest first."""
    last = count - 1
    low = [Part((i + 1) * PART_BITS - 1, i * PART_BITS, False) for i in range(last)]
    return [*low, Part(bits - 1, last * PART_BITS, True)]


def products_of(operand: list[Part], factor: list[Part]) -> list[Product]:
    """Each part of the one times each part of the other, the lowest first."""
    pairs = sorted(((a, b) for a in operand for b in factor), key=lambda pair: pair[0].low + pair[1].low)
    names = [Identifier(f"product_{i}" if len(pairs) > 1 else "product") for i in range(len(pairs))]
    return [Product(Term(name, a.low + b.low, a.bits + b.bits), a, b) for name, (a, b) in zip(names, pairs, strict=True)]


def sums_of(terms: list[Term]) -> list[Sum]:
    """Adds the terms by pairs of neighbours, then the sums, and so on; one stage for each round."""
    sums: list[Sum] = []
    while len(terms) > 1:
        rounds = [_sum(len(sums) + i // 2, *terms[i : i + 2]) for i in range(0, len(terms), 2)]
        sums += rounds
        terms = [found.term for found in rounds]
    return sums


def _sum(index: int, first: Term, second: Term | None = None) -> Sum:
    name = Identifier(f"sum_{index}")
    if second is None:
        return Sum(Term(name, first.place, first.bits), first, None, 0)
    above = second.place - first.place
    return Sum(Term(name, first.place, max(first.bits - above, second.bits) + 1 + above), first, second, above)


def multiplier_values(fmt: Format, scaling: Scaling, value_bits: int) -> dict[str, Any]:
    """Values for ``multiplier.vhd.j2``.

    Args:
        fmt: of the codes that come in.
        scaling: the factors.
        value_bits: what every product fits.
    """
    bits = operand_bits(fmt)
    products: list[Product] = []
    if scaling.multiplies:
        operand_parts, factor_parts = scaling.parts(bits)
        products = products_of(parts(bits, operand_parts), parts(scaling.factor_bits + 1, factor_parts))
    sums = sums_of([product.term for product in products])
    names = [Identifier("operand"), *(product.term.name for product in products), *(found.term.name for found in sums)]
    return {
        "input_format": fmt,
        "widened": bits > fmt.total_bits,
        "zero_point": zero_point(fmt),
        "zero_bits": Bits(zero_point(fmt) & ((1 << bits) - 1), bits),
        "operand_bits": bits,
        "multiplies": scaling.multiplies,
        "channels": len(scaling.factors),
        "part_bits": PART_BITS,
        "factor": scaling.factors[0],
        "factor_bits": scaling.factor_bits,
        "factor_literal": Bits(scaling.factors[0], scaling.factor_bits + 1),
        "products": products,
        "sums": sums,
        "whole": names[-1],
        "value_bits": value_bits,
    }


def product_values(first: Format, second: Format, counts: tuple[int, int], value_bits: int) -> dict[str, Any]:
    """Values for ``product.vhd.j2``.

    Args:
        first, second: of the codes that come in.
        counts: into how many parts each is cut.
        value_bits: what every product fits.
    """
    bits = operand_bits(first), operand_bits(second)
    products = products_of(parts(bits[0], counts[0]), parts(bits[1], counts[1]))
    sums = sums_of([product.term for product in products])
    return {
        "a_format": first,
        "b_format": second,
        "a_bits": bits[0],
        "b_bits": bits[1],
        "part_bits": PART_BITS,
        "products": products,
        "sums": sums,
        "whole": [*(product.term.name for product in products), *(found.term.name for found in sums)][-1],
        "value_bits": value_bits,
    }

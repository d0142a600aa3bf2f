"""The decisions behind a multiplier in parts: a model of what the template computes, against Python's own product."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creator import FixedPoint
from creator.affine import Affine, Format
from creator.ops.rescale import operand_bits
from creator.render.multiplier import Part, multiplier_values
from creator.schedule import schedule
from tests.graph.chains import chain, rescale

F = FixedPoint
A = Affine(0.1, 3, 5)
BLOCK_BITS = 18


def signed(value: int, width: int) -> int:
    """The low bits of ``value`` as a signed number of that width."""
    value &= (1 << width) - 1
    return value - (1 << width) if value >> (width - 1) else value


def fits(value: int, width: int) -> int:
    assert -(1 << (width - 1)) <= value < 1 << (width - 1)
    return value


def part_of(value: int, part: Part) -> int:
    """A slice as the template reads it: with the sign of the number where it is the top, else unsigned."""
    piece = value >> part.low
    width = part.high - part.low + 1
    return fits(piece, width) if part.top else piece & ((1 << width) - 1)


def multiplier(v: dict[str, Any], fmt: Format, code: int, factor: int) -> int:
    """multiplier.vhd.j2: the value for the bits of ``code``."""
    bits = v["operand_bits"]
    taken = code if v["widened"] else signed(code, fmt.total_bits)
    operand = signed(fits(taken, bits) - v["zero_bits"].value, bits)
    registers = {"operand": operand}
    for product in v["products"]:
        assert max(product.operand.bits, product.factor.bits) <= BLOCK_BITS
        value = part_of(operand, product.operand) * part_of(fits(factor, v["factor_bits"] + 1), product.factor)
        registers[str(product.term.name)] = fits(value, product.term.bits)
    for total in v["sums"]:
        value = registers[str(total.first.name)]
        if total.second is not None:
            assert 0 <= total.above < total.first.bits
            low = value & ((1 << total.above) - 1)
            width = total.term.bits - total.above
            assert width > max(total.first.bits - total.above, total.second.bits)
            value = (fits((value >> total.above) + registers[str(total.second.name)], width) << total.above) + low
        registers[str(total.term.name)] = fits(value, total.term.bits)
    return fits(registers[str(v["whole"])], v["value_bits"])


@settings(derandomize=True, deadline=None, max_examples=400)
@given(st.data())
def test_the_parts_add_up_to_the_product(data: st.DataObject) -> None:
    fmt: Format = FixedPoint(data.draw(st.integers(1, 52)), 0, data.draw(st.booleans()))
    if data.draw(st.booleans()):
        codes = FixedPoint(data.draw(st.integers(1, 24)), 0, fmt.signed)
        fmt = Affine(0.1, data.draw(st.integers(codes.min_code, codes.max_code)), codes.total_bits, codes.signed)
    factors = data.draw(st.lists(st.integers(0, 2 ** data.draw(st.integers(0, 31)) - 1), min_size=1, max_size=3))
    op = rescale(factors, 30, A)
    x = chain(entry=fmt, shape=(len(factors),)).input_type
    scaling = op.scaling
    v = multiplier_values(fmt, scaling, 64 + 32)
    assert v["operand_bits"] == operand_bits(fmt)
    zero = fmt.zero_point if isinstance(fmt, Affine) else 0
    drawn = data.draw(st.lists(st.integers(fmt.min_code, fmt.max_code), max_size=20))
    for code in [fmt.min_code, fmt.max_code, zero, *drawn]:
        for factor in scaling.factors:
            assert multiplier(v, fmt, code, factor) == (code - zero) * factor
    rounds = 0 if not v["products"] else int(np.ceil(np.log2(len(v["products"]))))
    expected = 2 + rounds if scaling.multiplies else int(zero != 0)
    assert op.multiplier_stages(x) == expected


@pytest.mark.parametrize(
    ("bits", "factor", "blocks"),
    [
        (18, 2**17 - 1, 1),
        (19, 3, 2),
        (18, 2**17 + 1, 2),
        (19, 2**17 + 1, 4),
        (36, 3, 3),
        (36, 2**31 - 1, 6),
        (52, 3, 3),
    ],
)
def test_each_part_fits_a_multiplier_block(bits: int, factor: int, blocks: int) -> None:
    v = multiplier_values(F(bits, 0), rescale([factor], 9, A).scaling, 63)
    assert len(v["products"]) == blocks


def test_every_round_of_sums_is_one_stage() -> None:
    """The delay that is planned is the longest way through the registers, and no way is shorter."""
    for bits, factor in ((52, 2**9 + 1), (36, 2**26 + 1), (19, 2**31 - 1), (53, 1023)):
        fmt = F(min(bits, 52), 0, signed=bits < 53)
        op = rescale([factor], 9, A)
        v = multiplier_values(fmt, op.scaling, 63)
        stage = {str(product.term.name): 2 for product in v["products"]}
        for total in v["sums"]:
            found = {stage[str(term.name)] for term in (total.first, total.second) if term is not None}
            assert len(found) == 1
            stage[str(total.term.name)] = found.pop() + 1
        (core,) = schedule(chain(op, entry=fmt)).cores
        assert stage[str(v["whole"])] + 2 == core.timing.delay

"""Piecewise polynomials: every code against exact fractions, bounds, what is refused, cycles."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from creator import CreatorError, FixedPoint, Rounding
from creator.affine import Affine
from creator.ops import Interval, Lanes, Polynomial, TensorType, Timing
from creator.passes import merge_clamps
from tests import oracle
from tests.graph.chains import chain, polynomial
from tests.oracle import ROUNDINGS

F = FixedPoint
ENTRY = F(6, 2)
OP = polynomial(6, 8, (7, 6, 5), F(6, 1))


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("entry", [F(6, 2), F(6, 2, signed=False), F(6, 2, symmetric=True)], ids=str)
@pytest.mark.parametrize("widths", [(7, 6), (7, 6, 5), (9, 9, 9), (1, 1)])
def test_every_code_and_the_bounds(rounding: Rounding, entry: FixedPoint, widths: tuple[int, ...]) -> None:
    op = dataclasses.replace(polynomial(6, 8, widths, F(6, 1), rounding), low=-25, high=20)
    kind = (TensorType((2,), entry),)
    assert op.infer(kind) == TensorType((2,), F(6, 1))
    codes = np.arange(entry.min_code, entry.max_code + 1)
    expected = [oracle.polynomial(op, entry, code) for code in codes.tolist()]
    assert op.run(kind, (codes,)).tolist() == expected
    for low in range(entry.min_code, entry.max_code + 1, 3):
        for high in range(low, entry.max_code + 1, 5):
            reached = expected[low - entry.min_code : high - entry.min_code + 1]
            assert op.interval(kind, (Interval(low, high),)) == (min(reached), max(reached))


def test_the_values_of_each_step_are_those_of_horners_rule() -> None:
    kind = TensorType((2,), ENTRY)
    first, second, last = OP.steps(kind)
    assert not OP.coefficients.flags.writeable
    for pattern in range(64):
        c0, c1, c2 = OP.coefficients[pattern // 8].tolist()
        offset = pattern % 8 - 4
        assert first[pattern] == c2
        assert second[pattern] == c2 * offset + c1 * 2 ** (OP.fracs[2] - OP.fracs[1])
        assert last[pattern] == second[pattern] * offset + c0 * 2 ** (OP.fracs[2] - OP.fracs[0])
    found = OP.step_bits(kind)
    for bits, values in zip(found, (first, second, last), strict=True):
        assert -(2 ** (bits - 1)) <= values.min()
        assert values.max() < 2 ** (bits - 1)
        assert values.min() < -(2 ** (bits - 2)) or values.max() >= 2 ** (bits - 2)


def test_what_just_fits() -> None:
    assert OP.infer((TensorType((2,), F(4, 0)),)) == TensorType((2,), F(6, 1))
    assert OP.infer((TensorType((2,), F(20, 0)),)) == TensorType((2,), F(6, 1))
    for fracs in ((4, 4, 4), (0, 0, 48)):
        assert dataclasses.replace(OP, fracs=fracs).infer((TensorType((2,), ENTRY),)) == TensorType((2,), F(6, 1))


def test_wide_values_are_multiplied_in_parts() -> None:
    kind = TensorType((2,), F(16, 0))
    assert [OP.offset_bits(TensorType((2,), fmt)) for fmt in (ENTRY, F(16, 0))] == [3, 13]
    for bits, parts in ((2, 1), (18, 1), (19, 2), (35, 2)):
        op = polynomial(16, 8, (3, bits), F(8, 0))
        assert op.step_bits(kind)[0] == bits
        assert (op.parts(kind, 0), op.step_stages(kind, 0)) == ((parts, 1), 1 + parts)
    assert polynomial(20, 2, (3, 21), F(8, 0)).parts(TensorType((2,), F(20, 0)), 0) == (2, 2)


@pytest.mark.parametrize(
    ("op", "entry", "message"),
    [
        (dataclasses.replace(OP, coefficients=OP.coefficients[:7]), ENTRY, "no segments of degree 1 or 2"),
        (dataclasses.replace(OP, coefficients=OP.coefficients[:1]), ENTRY, "no segments of degree 1 or 2"),
        (dataclasses.replace(OP, coefficients=OP.coefficients[:, 0]), ENTRY, "no segments of degree 1 or 2"),
        (dataclasses.replace(OP, coefficients=OP.coefficients[:, :1]), ENTRY, "no segments of degree 1 or 2"),
        (dataclasses.replace(OP, coefficients=np.zeros((8, 4))), ENTRY, "no segments of degree 1 or 2"),
        (dataclasses.replace(OP, fracs=(3, 5)), ENTRY, "do not fit 3 coefficients"),
        (dataclasses.replace(OP, fracs=(5, 3, 7)), ENTRY, "do not fit 3 coefficients"),
        (dataclasses.replace(OP, fracs=(-1, 3, 7)), ENTRY, "do not fit 3 coefficients"),
        (dataclasses.replace(OP, fracs=(1, 3, 49)), ENTRY, "do not fit 3 coefficients"),
        (OP, F(3, 0), "does not fit 8 segments"),
        (OP, F(21, 0), "does not fit 8 segments"),
        (OP, Affine(0.1, 3, 6), "is not computed in hardware"),
        (dataclasses.replace(OP, low=-33), ENTRY, "is not a range"),
        (dataclasses.replace(OP, rounding=Rounding.STOCHASTIC), ENTRY, "stochastic"),
        (polynomial(6, 8, (53, 6), F(6, 0)), ENTRY, "more than 52 bits"),
    ],
)
def test_what_does_not_fit_is_refused(op: Polynomial, entry: FixedPoint, message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        op.infer((TensorType((2,), entry),))


def test_values_of_more_than_52_bits_are_refused() -> None:
    kind = (TensorType((2,), F(16, 0)),)
    polynomial(16, 4, (28, 20), F(16, 0)).interval(kind, (Interval(0, 1),))
    polynomial(16, 4, (24, 20, 20), F(16, 0)).interval(kind, (Interval(0, 1),))
    for widths in ((40, 20), (28, 20, 20)):
        with pytest.raises(CreatorError, match="values need more than 52 bits"):
            polynomial(16, 4, widths, F(16, 0)).interval(kind, (Interval(0, 1),))


@pytest.mark.parametrize(
    ("op", "lanes", "timing"),
    [
        (polynomial(16, 8, (9, 6), F(8, 0)), Lanes(), Timing(6, 6)),
        (polynomial(16, 8, (9, 6), F(8, 0), Rounding.FLOOR), Lanes(2, 2), Timing(3, 5)),
        (polynomial(16, 2048, (9, 6, 3), F(8, 0)), Lanes(6, 6), Timing(1, 10)),
        (polynomial(16, 8, (9, 20), F(8, 0)), Lanes(), Timing(6, 7)),
    ],
)
def test_cycles(op: Polynomial, lanes: Lanes, timing: Timing) -> None:
    assert op.timing((TensorType((6,), F(16, 0)),), lanes) == timing


def test_a_clamp_becomes_part_of_it() -> None:
    from creator.ops import Clamp

    graph = merge_clamps(chain(OP, Clamp(-3, 7), entry=ENTRY))
    (node,) = graph.nodes
    assert (node.op.low, node.op.high) == (-3, 7)

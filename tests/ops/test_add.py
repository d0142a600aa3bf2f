"""Sums and differences of two values: against fractions, their bounds, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from creator import CreatorError, FixedPoint, Overflow, Rounding
from creator.affine import Affine
from creator.ops import Add, Interval, Lanes, TensorType, Timing
from tests import oracle
from tests.graph.branches import add

F = FixedPoint


def types(*formats) -> tuple[TensorType, ...]:
    return tuple(TensorType((3,), fmt) for fmt in formats)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("rounding", oracle.ROUNDINGS)
@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("formats", [(F(5, 1), F(4, 3)), (F(6, 2), F(3, 2, signed=False)), (F(4, 0), F(4, -3))], ids=str)
def test_every_pair_of_codes(sign: int, rounding: Rounding, overflow: Overflow, formats) -> None:
    op = dataclasses.replace(add(F(4, 1), sign, rounding, overflow), low=-6, high=5)
    kinds = types(*formats)
    assert op.arity == len(kinds)
    assert op.infer(kinds) == TensorType((3,), F(4, 1))
    a, b = (range(fmt.min_code, fmt.max_code + 1) for fmt in formats)
    first, second = np.meshgrid(list(a), list(b), indexing="ij")
    values = first.reshape(-1, 1).repeat(3, 1), second.reshape(-1, 1).repeat(3, 1)
    found = op.run(kinds, values)
    expected = oracle._elementwise(op, list(kinds), list(values))
    assert np.array_equal(found, expected)
    low, high = op.interval(kinds, tuple(Interval.of(fmt) for fmt in formats))
    assert (low, high) == (expected.min(), expected.max()) or overflow is Overflow.WRAP
    assert low <= expected.min() <= expected.max() <= high


def test_bounds_of_operands_give_bounds_of_sums() -> None:
    kinds = types(F(8, 2), F(8, 4))
    bounds = (Interval(-3, 10), Interval(1, 7))
    assert add().sums(kinds, bounds) == (-11, 47)
    assert add(sign=-1).sums(kinds, bounds) == (-19, 39)
    assert add(F(20, 4)).interval(kinds, bounds) == (-11, 47)


@pytest.mark.parametrize(
    ("op", "kinds", "message"),
    [
        (add(), (TensorType((3,), F(8, 4)), TensorType((4,), F(8, 4))), r"shapes \(3,\) and \(4,\) .hint: make both alike"),
        (add(), types(F(8, 4), Affine(0.1)), "add takes no affine<8,0.1,0>"),
        (dataclasses.replace(add(), output=Affine(0.1)), types(F(8, 4), F(8, 4)), "add takes no affine"),
        (dataclasses.replace(add(), sign=2), types(F(8, 4), F(8, 4)), "its sign 2"),
        (dataclasses.replace(add(F(8, 4)), low=-129), types(F(8, 4), F(8, 4)), "is not a range"),
        (dataclasses.replace(add(F(8, 4)), high=128), types(F(8, 4), F(8, 4)), "is not a range"),
        (add(F(4, 0, symmetric=True), overflow=Overflow.WRAP), types(F(8, 4), F(8, 4)), "wrap"),
    ],
)
def test_what_does_not_fit_is_refused(op: Add, kinds: tuple[TensorType, ...], message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        op.infer(kinds)


@pytest.mark.parametrize(("formats", "fits"), [((F(51, 4), F(51, 4)), True), ((F(52, 4), F(51, 4)), False)])
def test_sums_have_at_most_52_bits(formats, fits: bool) -> None:
    kinds = types(*formats)
    bounds = (Interval(0, 1), Interval(0, 1))
    if fits:
        assert add(F(8, 4)).interval(kinds, bounds) == (0, 2)
    else:
        with pytest.raises(CreatorError, match="its sums need 53 bits, more than 52"):
            add(F(8, 4)).interval(kinds, bounds)
    assert add(F(8, 4)).sums(types(F(1, 52), F(1, 0)), bounds) == (0, 1 + (1 << 52))
    with pytest.raises(CreatorError, match="an operand is 53 bits finer than the other"):
        add(F(8, 4)).interval(types(F(8, 50), F(8, -3)), bounds)


def test_its_cycles() -> None:
    kinds = types(F(8, 4), F(8, 2))
    assert add(F(8, 4)).timing(kinds, Lanes()) == Timing(3, 2)
    assert add(F(8, 2)).timing(kinds, Lanes(2)) == Timing(2, 3)
    assert add(F(8, 2), rounding=Rounding.FLOOR).timing(kinds, Lanes(3, 3)) == Timing(1, 2)

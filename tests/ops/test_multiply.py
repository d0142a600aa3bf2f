"""Products of two values: against fractions, their bounds, their parts, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from creator import CreatorError, FixedPoint, Overflow, Rounding
from creator.affine import Affine
from creator.ops import Interval, Lanes, TensorType, Timing
from tests import oracle
from tests.graph.branches import multiply

F = FixedPoint


def types(*formats) -> tuple[TensorType, ...]:
    return tuple(TensorType((2,), fmt) for fmt in formats)


@pytest.mark.parametrize("rounding", oracle.ROUNDINGS)
@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("formats", [(F(5, 1), F(4, 3)), (F(3, 2, signed=False), F(5, 2)), (F(4, -3), F(1, 0))], ids=str)
def test_every_pair_of_codes(rounding: Rounding, overflow: Overflow, formats) -> None:
    op = dataclasses.replace(multiply(F(5, 2), rounding, overflow), low=-14, high=11)
    kinds = types(*formats)
    assert op.arity == len(kinds)
    assert op.infer(kinds) == TensorType((2,), F(5, 2))
    first, second = np.meshgrid(*(range(fmt.min_code, fmt.max_code + 1) for fmt in formats), indexing="ij")
    values = first.reshape(-1, 1).repeat(2, 1), second.reshape(-1, 1).repeat(2, 1)
    found = op.run(kinds, values)
    assert np.array_equal(found, oracle._elementwise(op, list(kinds), list(values)))
    low, high = op.interval(kinds, tuple(Interval.of(fmt) for fmt in formats))
    assert low <= found.min() <= found.max() <= high


@pytest.mark.parametrize(
    ("bounds", "products"),
    [((-3, 2), (-21, 14)), ((-3, -1), (-21, -2)), ((0, 4), (0, 28))],
)
def test_bounds_of_operands_give_bounds_of_products(bounds, products) -> None:
    assert multiply().products((Interval(*bounds), Interval(2, 7))) == products


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(CreatorError, match=r"shapes \(2,\) and \(3,\)"):
        multiply().infer((TensorType((2,), F(8, 4)), TensorType((3,), F(8, 4))))
    with pytest.raises(CreatorError, match="multiply takes no affine"):
        multiply().infer(types(Affine(0.1), F(8, 4)))
    with pytest.raises(CreatorError, match="is not a range"):
        dataclasses.replace(multiply(F(8, 4)), low=-129).infer(types(F(8, 4), F(8, 4)))
    with pytest.raises(CreatorError, match="is not a range"):
        dataclasses.replace(multiply(F(8, 4)), high=128).infer(types(F(8, 4), F(8, 4)))
    with pytest.raises(CreatorError, match="wrap"):
        multiply(F(4, 0, symmetric=True), overflow=Overflow.WRAP).infer(types(F(8, 4), F(8, 4)))
    with pytest.raises(CreatorError, match="its products need 53 bits, more than 52"):
        multiply().interval(types(F(27, 4), F(26, 4)), (Interval(0, 1), Interval(0, 1)))
    assert multiply().interval(types(F(27, 4), F(25, 4)), (Interval(0, 1), Interval(0, 1))) == (0, 0)


@pytest.mark.parametrize(
    ("formats", "stages"),
    [
        ((F(8, 0), F(8, 0)), 2),
        ((F(1, 0), F(1, 0)), 2),
        ((F(18, 0), F(18, 0)), 2),
        ((F(17, 0, signed=False), F(18, 0)), 2),
        ((F(18, 0, signed=False), F(18, 0)), 3),
        ((F(19, 0), F(19, 0)), 4),
        ((F(40, 0), F(12, 0)), 4),
    ],
    ids=str,
)
def test_wide_operands_are_multiplied_in_parts(formats, stages: int) -> None:
    assert multiply(F(8, 0)).timing(types(*formats), Lanes()) == Timing(2, stages + 1)
    assert multiply(F(8, -2)).timing(types(*formats), Lanes(2)) == Timing(1, stages + 2)

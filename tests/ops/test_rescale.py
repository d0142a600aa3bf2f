"""The change of scale on integers, against exact fractions; its bounds, and what it refuses."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creator import CreatorError, FixedPoint, Graph, Rounding
from creator.affine import Affine, Format
from creator.ops import Interval, Rescale, TensorType
from creator.ops.rescale import Scaling, operand_bits
from tests.graph.chains import chain, linear, rescale
from tests.oracle import ROUNDINGS, rescaled

F = FixedPoint
A = Affine(0.1, 3, 5)
LARGEST = 2**31 - 1
ENTRIES = [F(9, 3), F(7, 0, signed=False), Affine(0.3, -128, 8), Affine(2.5, 255, 8, signed=False)]


def one(op: Rescale, entry: Format) -> Graph:
    return chain(op, shape=(len(op.factors),), entry=entry)


def check_every_code(op: Rescale, entry: Format) -> None:
    """Every code of ``entry`` on every channel, and the bounds that are promised for them."""
    codes = np.arange(entry.min_code, entry.max_code + 1)
    x = np.repeat(codes[:, None], len(op.factors), axis=1)
    graph = one(op, entry)
    y = graph.run(x)
    expected = [[rescaled(op, entry, code, channel) for channel in range(len(op.factors))] for code in codes.tolist()]
    assert y.dtype == np.int64
    assert y.tolist() == expected
    assert graph.intervals[graph.output] == (y.min(), y.max())


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_every_code_against_fractions(rounding: Rounding, entry: Format) -> None:
    for output in (F(6, 2), F(5, 0, signed=False), Affine(0.1, -16, 5), Affine(0.1, 31, 5, signed=False)):
        for shift in (0, 3, 9):
            check_every_code(rescale([0, 1, 6, 171], shift, output, rounding), entry)


@pytest.mark.parametrize("factors", [[3], [0, 4], [1, 5], [0]])
def test_the_bounds_of_the_products_are_reached(factors: list[int]) -> None:
    kind = TensorType((len(factors),), Affine(0.1, 1, 4))
    for low, high in itertools.combinations_with_replacement(range(-8, 8), 2):
        found = [(code - 1) * factor for code in range(low, high + 1) for factor in factors]
        assert rescale(factors, 0, F(9, 0)).products(kind, Interval(low, high)) == (min(found), max(found))


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_ties_go_where_the_rounding_says_and_the_zero_point_comes_after(rounding: Rounding) -> None:
    codes = np.array([-10, -6, -2, 2, 6, 10])[:, None]
    halves = {
        Rounding.HALF_EVEN: [-2, -2, 0, 0, 2, 2],
        Rounding.HALF_UP: [-2, -1, 0, 1, 2, 3],
        Rounding.HALF_AWAY: [-3, -2, -1, 1, 2, 3],
        Rounding.FLOOR: [-3, -2, -1, 0, 1, 2],
        Rounding.TOWARD_ZERO: [-2, -1, 0, 0, 1, 2],
    }
    for zero_point in (0, 1, -7):  # an odd one would change ties to even if it came before
        graph = one(rescale([1], 2, Affine(1.0, zero_point, 8), rounding), F(8, 0))
        assert (graph.run(codes)[:, 0] - zero_point).tolist() == halves[rounding]


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.data())
def test_wide_products_against_fractions(data: st.DataObject) -> None:
    bits = data.draw(st.integers(1, 32))
    entry = F(bits, 0)
    factors = data.draw(st.lists(st.integers(0, LARGEST) | st.sampled_from([0, 1, 2**30, LARGEST]), min_size=1, max_size=3))
    output = data.draw(st.sampled_from([A, F(52, 0), F(20, 9), Affine(0.5, -(2**23), 24), F(1, 0)]))
    op = rescale(factors, data.draw(st.integers(0, 62)), output, data.draw(st.sampled_from(ROUNDINGS)))
    codes = data.draw(st.lists(st.integers(entry.min_code, entry.max_code), min_size=1, max_size=20))
    codes = [*codes, entry.min_code, entry.max_code]
    x = np.repeat(np.array(codes)[:, None], len(factors), axis=1)
    graph = one(op, entry)
    expected = [[rescaled(op, entry, code, channel) for channel in range(len(factors))] for code in codes]
    assert graph.run(x).tolist() == expected
    low, high = graph.intervals[graph.output]
    assert (low, high) == (min(map(min, expected)), max(map(max, expected)))


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.lists(st.integers(0, LARGEST), min_size=1, max_size=4), st.integers(0, 62))
def test_the_scaling_is_the_same_multiplication(factors: list[int], shift: int) -> None:
    scaling = rescale(factors, shift, A).scaling
    assert len(scaling.factors) == (1 if len(set(factors)) == 1 else len(factors))
    for factor, small in zip(factors, scaling.factors * (len(factors) // len(scaling.factors)), strict=True):
        assert factor == small << (shift - scaling.shift)
    assert not any(factors) or any(factor % 2 for factor in scaling.factors)
    assert scaling.multiplies == (scaling.factors != (1,))


def test_channels_are_the_last_axis() -> None:
    graph = chain(rescale([1, 2, 3], 0, F(12, 0)), shape=(2, 3), entry=F(8, 0))
    assert graph.run(np.full((1, 2, 3), 10)).tolist() == [[[10, 20, 30], [10, 20, 30]]]


def test_exact_sums_come_through() -> None:
    graph = chain(linear(output=F(52, 8)), rescale([3, 5, 7], 4, F(20, 0)))
    x = np.random.default_rng(0).integers(-128, 128, (200, 4))
    sums = graph.run_all(x)["layer_0"]
    op = graph.nodes[0].op
    assert np.array_equal(sums, x @ op.weight.T + op.bias)
    expected = [[rescaled(graph.nodes[1].op, F(52, 0), code, i) for i, code in enumerate(row)] for row in sums.tolist()]
    assert graph.run(x).tolist() == expected


@pytest.mark.parametrize(
    ("entry", "bits"),
    [
        (F(8, 3), 8),
        (F(8, 3, signed=False), 9),
        (F(52, 0, signed=False), 53),
        (Affine(0.1, 0, 8), 8),
        (Affine(0.1, 1, 8), 9),
        (Affine(0.1, 127, 8), 9),
        (Affine(0.1, -128, 8), 9),
        (Affine(0.1, 128, 8, signed=False), 8),
        (Affine(0.1, 127, 8, signed=False), 9),
        (Affine(0.1, 0, 8, signed=False), 9),
    ],
    ids=str,
)
def test_the_width_of_a_code_less_its_zero_point(entry: Format, bits: int) -> None:
    assert operand_bits(entry) == bits


def changed(**changes: object) -> Rescale:
    return dataclasses.replace(rescale([3], 4, A), **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"factors": [1, 2, 3]}, r"factors of shape \(3,\) do not fit values of shape \(2, 4\) .hint: give one factor, or 4"),
        ({"factors": [1, 2]}, "do not fit"),
        ({"factors": 3}, "do not fit"),
        ({"factors": []}, "do not fit"),
        ({"factors": [[1]]}, "do not fit"),
        ({"factors": [-1]}, "a factor lies outside"),
        ({"factors": [1, 2**31, 1, 1]}, "a factor lies outside"),
        ({"shift": -1}, "the shift -1 lies outside 0 ... 62"),
        ({"shift": 63}, "the shift 63 lies outside 0 ... 62"),
        ({"rounding": Rounding.STOCHASTIC}, "stochastic rounding is for training only"),
        ({"low": -17}, "the clamp -17 ... 15 is not a range of affine<5,0.1,3>"),
        ({"high": 16}, "is not a range"),
        ({"low": 5, "high": 4}, "is not a range"),
        ({"output": Affine((0.1, 0.2), 0, 5, axis=0)}, r"\[2 along 0\],0> has a scale for each index along an axis"),
        ({"output": F(53, 0)}, "more than 52 bits"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(CreatorError, match=rf"^layer\.0: .*{message}"):
        chain(changed(**changes), shape=(2, 4))


@pytest.mark.parametrize("factors", [[1.5], [float("nan")], [2**70], ["a"], [None], [[1], [2, 3]]], ids=str)
def test_factors_that_are_no_integers_are_refused(factors: list[object]) -> None:
    with pytest.raises(CreatorError, match="expected an array of integers"):
        Rescale(factors, 4, A, Rounding.HALF_EVEN, -16, 15)


@pytest.mark.parametrize(("factor", "fits"), [(2**30, True), (2**30 + 1, False), (LARGEST, False)])
def test_products_beyond_63_bits_are_refused(factor: int, fits: bool) -> None:
    op = rescale([factor], 40, F(24, 0))
    if fits:
        chain(op, entry=F(33, 0))
    else:
        with pytest.raises(
            CreatorError, match=r"^layer\.0: its products need 64 bits, more than 63, .*hint: choose a multiplier"
        ):
            chain(op, entry=F(33, 0))


def test_it_is_the_interval_that_counts_for_the_width_of_products() -> None:
    """A sum of few bits in a wide format has narrow products."""
    chain(linear(output=F(52, 8)), rescale([LARGEST], 40, A))


def test_results_beyond_the_format_saturate_before_and_after_the_zero_point() -> None:
    graph = one(rescale([100], 0, Affine(0.1, 100, 8)), F(8, 0))
    assert graph.run(np.array([[-128], [-3], [0], [1], [127]])).tolist() == [[-128], [-128], [100], [127], [127]]


def test_bounds_of_products() -> None:
    op = rescale([2, 0, 5], 3, A)
    assert op.products(TensorType((3,), F(8, 0)), Interval(-10, 20)) == (-50, 100)
    assert op.products(TensorType((3,), F(8, 0)), Interval(10, 20)) == (0, 100)
    assert op.products(TensorType((3,), Affine(0.1, 30, 8)), Interval(10, 20)) == (-100, 0)


@pytest.mark.parametrize(
    ("operand", "factor", "parts"),
    [(1, 1, (1, 1)), (2, 3, (1, 1)), (18, 2**17 - 1, (1, 1)), (19, 2**17, (2, 2)), (35, 2**31 - 1, (2, 2)), (36, 3, (3, 1)),
     (53, 3, (4, 1))],
)  # fmt: skip
def test_into_how_many_parts_a_product_is_cut(operand: int, factor: int, parts: tuple[int, int]) -> None:
    assert Scaling((factor,), 0).parts(operand) == parts

"""The layer on integers: against fractions, the bounds of its sums, cycles for all lanes, and what it refuses."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from creator import CreatorError, FixedPoint, Overflow, Rounding
from creator.affine import Affine
from creator.ops import Interval, Lanes, Linear, TensorType, Timing
from tests.graph.chains import linear
from tests.oracle import OVERFLOWS, ROUNDINGS, code_of, power

F = FixedPoint
X = F(3, 1)
W = F(3, 2)


def small(weight: list[list[int]], bias: list[int], **changes: object) -> Linear:
    exact = F(20, 5)
    op = Linear(np.array(weight), W, np.array(bias), exact, F(5, 1), Rounding.HALF_EVEN, Overflow.SATURATE, -16, 15)
    return replace(op, **changes)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
def test_every_input_against_fractions(rounding: Rounding, overflow: Overflow) -> None:
    op = small([[1, -4], [3, 2], [-3, 0]], [0, 5, -9], rounding=rounding, overflow=overflow, output=F(4, 2), low=-6, high=7)
    kind = (TensorType((2,), X),)
    x = np.array(list(itertools.product(range(-4, 4), repeat=2)))
    grid = power(-W.frac_bits - X.frac_bits)
    expected = []
    for sample in x.tolist():
        sums = [
            sum(w * v for w, v in zip(row, sample, strict=True)) * grid + b * power(-5)
            for row, b in zip(op.weight.tolist(), op.bias.tolist(), strict=True)
        ]
        expected.append([min(max(code_of(value, op.output, rounding, overflow), -6), 7) for value in sums])
    assert op.run(kind, (x,)).tolist() == expected
    low, high = op.interval(kind, (Interval.of(X),))
    assert -6 <= low <= np.min(expected) <= np.max(expected) <= high <= 7


@pytest.mark.parametrize("ends", [(-4, 3), (0, 3), (-4, 0), (1, 3), (-3, -2)])
def test_the_bounds_hold_for_every_partial_sum_in_every_order_and_are_reached(ends: tuple[int, int]) -> None:
    kind = TensorType((3,), X)
    for weight, bias in (
        ([[2, -3, 1]], [7]),
        ([[2, -3, 1]], [-7]),
        ([[2, -3, 1], [-4, 3, 3]], [-11, 40]),
        ([[1, 1, 1]], [0]),
        ([[-1, -2, 0]], [3]),
    ):
        op = small(weight, bias)
        assert op.align(kind) == 2
        found = set()
        for row, b in zip(weight, bias, strict=True):
            for sample in itertools.product(range(ends[0], ends[1] + 1), repeat=3):
                for order in itertools.permutations([4 * w * x for w, x in zip(row, sample, strict=True)] + [b]):
                    found |= set(itertools.accumulate(order, initial=0))
        low, high = op.sums(kind, Interval(*ends))
        assert low <= min(found)
        assert max(found) <= high
        if ends[0] <= 0 <= ends[1]:
            assert (low, high) == (min(found), max(found))


@pytest.mark.parametrize("ends", [(-4, 3), (0, 3), (-4, 0), (1, 3), (-3, -2), (2, 2)])
def test_the_bounds_of_whole_sums_are_those_that_are_reached(ends: tuple[int, int]) -> None:
    kind = TensorType((3,), X)
    for weight, bias in (
        ([[2, -3, 1]], [7]),
        ([[2, -3, 1], [-4, 3, 3]], [-11, 40]),
        ([[0, 0, 0]], [-3]),
        ([[-1, -2, 0]], [99]),
    ):
        samples = itertools.product(range(ends[0], ends[1] + 1), repeat=3)
        found = {4 * (np.array(weight) @ sample)[row] + bias[row] for sample in samples for row in range(len(weight))}
        assert small(weight, bias).totals(kind, Interval(*ends)) == (min(found), max(found))


@pytest.mark.parametrize("dropped", [53, 64, 65, 100])
def test_an_offset_beyond_every_sum_is_refused(dropped: int) -> None:
    op = small([[1]], [0], output=F(5, 5 - dropped), offset=1 << dropped - 1)
    widest = small([[1]], [0], output=F(5, 5 - 52), offset=1 << 51)
    assert widest.infer((TensorType((1,), X),)) == TensorType((1,), F(5, -47))
    with pytest.raises(CreatorError, match=r"its offset \d+ is not one half"):
        op.infer((TensorType((1,), X),))


def test_an_accumulator_that_is_one_bit_too_narrow_is_refused() -> None:
    kind = (TensorType((1,), X),)
    exact = small([[3]], [0], accumulator=F(7, 5))  # -4 * 3 * 4 = -48
    assert exact.interval(kind, (Interval(-4, 3),)) == (-3, 2)
    with pytest.raises(CreatorError, match="can overflow: it needs 7 bits"):
        small([[3]], [0], accumulator=F(6, 5)).interval(kind, (Interval(-4, 3),))


def test_sums_of_52_bits_are_the_widest() -> None:
    wide = F(52, 0)

    def bounds(weight: int) -> Interval:
        op = Linear([[weight]], F(27, 0), [0], wide, wide, Rounding.FLOOR, Overflow.SATURATE, wide.min_code, wide.max_code)  # type: ignore[arg-type]
        return op.interval((TensorType((1,), F(26, 0)),), (Interval(-(2**25), 2**25 - 1),))

    assert bounds(2**26 - 1).low == -(2**25) * (2**26 - 1)
    assert bounds(-(2**26) + 1).high == 2**25 * (2**26 - 1)
    with pytest.raises(CreatorError, match="its sums need 53 bits"):
        bounds(-(2**26))


def test_a_bias_far_finer_than_the_products_is_refused() -> None:
    kind = TensorType((1,), X)
    assert small([[0]], [1], accumulator=F(52, 55)).sums(kind, Interval(0, 1)) == (0, 1)
    with pytest.raises(CreatorError, match="53 bits finer"):
        small([[0]], [1], accumulator=F(52, 56)).sums(kind, Interval(0, 1))


@pytest.mark.parametrize(
    ("weights", "bits", "selects"),
    [([-1, 0], 1, True), ([0, 0], 1, True), ([1, -2], 2, True), ([2, 0], 3, False), ([-3, 0], 3, False), ([-4, 3], 3, False)],
)
def test_width_of_the_weights(weights: list[int], bits: int, selects: bool) -> None:
    op = small([weights], [0])
    assert (op.weight_bits, op.selects) == (bits, selects)
    assert (op.in_features, op.out_features) == (2, 1)
    wide = Lanes(2, 4)
    assert op.far(wide) == (not selects)
    assert not op.far(Lanes(1, 7))


def test_when_a_core_is_wide() -> None:
    for inputs, outputs in itertools.product(range(1, 12), repeat=2):
        assert linear(12, 12).wide(Lanes(inputs, outputs)) == (len(range(inputs)) * outputs > 7)


@pytest.mark.parametrize(
    ("lanes", "sum_stages", "timing"),
    [
        (Lanes(1, 1), 5, Timing(35, 35 + 7)),
        (Lanes(2, 1), 6, Timing(20, 20 + 8)),
        (Lanes(3, 1), 7, Timing(15, 15 + 9)),
        (Lanes(4, 1), 7, Timing(10, 10 + 9)),
        (Lanes(5, 1), 8, Timing(10, 10 + 10)),
        (Lanes(1, 2), 5, Timing(21, 21 + 7)),
        (Lanes(1, 2, True), 6, Timing(21, 21 + 8)),
        (Lanes(1, 5), 5, Timing(7, 7)),
        (Lanes(2, 4), 8, Timing(8, 8 + 10 + 2)),
        (Lanes(7, 5), 10, Timing(1, 12 + 2)),
        (Lanes(7, 5, True), 11, Timing(1, 13 + 2)),
    ],
    ids=str,
)
def test_cycles(lanes: Lanes, sum_stages: int, timing: Timing) -> None:
    op, kind = linear(7, 5), (TensorType((7,), F(8, 4)),)
    assert op.sum_stages(lanes) == sum_stages
    assert op.stages(lanes) == sum_stages + 2
    assert op.timing(kind, lanes) == timing
    assert replace(op, rounding=Rounding.FLOOR).stages(lanes) == sum_stages + 1
    assert op.words(lanes) == timing.interval


def test_cycles_of_a_deep_memory_and_of_narrow_weights() -> None:
    assert linear(32, 32).sum_stages(Lanes()) == 5
    assert linear(41, 25).sum_stages(Lanes()) == 7
    assert linear(41, 25).words(Lanes()) == 1025
    narrow = linear(4, 4, weight_format=F(2, 0))
    assert narrow.timing((TensorType((4,), F(8, 4)),), Lanes(2, 4)) == Timing(2, 6 + 1 + 2)


def test_bits_dropped_and_shifted() -> None:
    op = small([[1]], [0])
    assert op.dropped == 4
    assert replace(op, output=F(5, 9)).dropped == -4
    assert op.align(TensorType((1,), F(3, 3))) == 0


@pytest.mark.parametrize(
    ("op", "kind", "message"),
    [
        (
            small([[1, 2]], [0]),
            TensorType((3,), X),
            r"takes 2 inputs, but gets shape \(3,\) \(hint: make it Linear\(3, 1\); input_shape",
        ),
        (small([[1, 2]], [0]), TensorType((2, 2), X), r"put nn.Flatten in front of it and make it Linear\(4, 1\)"),
        (small([[1, 2]], [0]), TensorType((1, 2), X), r"hint: put nn.Flatten in front of it; input_shape"),
        (small([[1, 2]], [0, 1]), TensorType((2,), X), "do not fit"),
        (replace(small([[1, 2]], [0]), weight=np.array([1, 2])), TensorType((2,), X), "do not fit"),
        (replace(small([[1, 2]], [0]), weight=np.zeros((1, 0), dtype=int)), TensorType((2,), X), "do not fit"),
        (small([[1, 4]], [0]), TensorType((2,), X), "in its weight, code 4"),
        (small([[1, 2]], [0], accumulator=F(20, 2)), TensorType((2,), X), "too coarse for its products"),
        (
            small([[1, 2]], [0], accumulator=F(20, 5, signed=False)),
            TensorType((2,), X),
            "too coarse for its products, or unsigned",
        ),
        (small([[1, 2]], [0], output=Affine(0.1, 0, 8)), TensorType((2,), X), "its output .* is no FixedPoint"),
        (small([[1, 2]], [0], high=16), TensorType((2,), X), "clamp -16 ... 16"),
        (small([[1, 2]], [0], rounding=Rounding.STOCHASTIC), TensorType((2,), X), "training only"),
    ],
)
def test_what_it_refuses(op: Linear, kind: TensorType, message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        op.infer((kind,))


def test_the_type_of_the_result() -> None:
    assert small([[1, 2]], [0], accumulator=F(20, 3)).infer((TensorType((2,), X),)) == TensorType((1,), F(5, 1))

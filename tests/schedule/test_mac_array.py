"""How weights lie in their memory, and that two products in one multiplier are exact for all values."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

import creator
from creator import FixedPoint, nn
from creator.ops import Conv, Interval, Lanes, TensorType
from creator.passes import LOWER, run_passes
from creator.schedule import schedule
from creator.schedule.mac_array import MacArray
from creator.targets import FAMILIES
from tests.graph.chains import IN, linear

F = FixedPoint
WEIGHT = F(4, 2)


def array(n: int, m: int, lanes: Lanes, weight: FixedPoint = WEIGHT) -> MacArray:
    return MacArray(linear(n, m, weight_format=weight), TensorType((n,), IN), Interval.of(IN), lanes)


def unpacked(found: MacArray) -> np.ndarray:
    """The weights as the VHDL reads them, (words, rows, lanes)."""
    words = np.zeros((found.words, found.lanes.output, found.lanes.input), dtype=np.int64)
    place = 0
    fields = [(codes[:, i], width) for codes, width in found.contents() for i in range(codes.shape[1])]
    for pair in range(found.pairs):
        for lane in range(found.lanes.input):
            (low, _), (upper, _) = fields[place : place + 2]
            words[:, 2 * pair, lane], words[:, 2 * pair + 1, lane] = low, upper + (low < 0)
            place += 2
    for row in range(2 * found.pairs, found.lanes.output):
        for lane in range(found.lanes.input):
            words[:, row, lane] = fields[place][0]
            place += 1
    assert place == len(fields)
    assert sum(width for _, width in fields) == found.word_bits
    return words


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("n", "m", "inputs", "outputs"), [(5, 7, 1, 1), (5, 7, 2, 3), (6, 4, 3, 2), (5, 7, 5, 7), (1, 1, 1, 1), (5, 7, 4, 6)]
)
def test_every_weight_is_where_its_activation_and_row_are(n: int, m: int, inputs: int, outputs: int, packed: bool) -> None:
    found = array(n, m, Lanes(inputs, outputs, packed and outputs > 1))
    words, beats = unpacked(found), -(-n // inputs)
    for row, column in itertools.product(range(m), range(n)):
        word = (row // outputs) * beats + column // inputs
        assert words[word, row % outputs, column % inputs] == found.op.weight[row, column]
    assert np.count_nonzero(words) == np.count_nonzero(found.op.weight)


@pytest.mark.parametrize(
    ("weight", "x"),
    [
        (F(4, 0), F(4, 0)),
        (F(3, 0), F(6, 0)),
        (F(4, 0), F(5, 0, signed=False)),
        (F(5, 0, symmetric=True), F(3, 0)),
        (F(3, 0), F(1, 0)),
    ],
    ids=str,
)
def test_two_products_in_one_multiplier_for_all_values(weight: FixedPoint, x: FixedPoint) -> None:
    found = MacArray(linear(2, 2, weight_format=weight), TensorType((2,), x), Interval.of(x), Lanes(1, 2, True))
    object.__setattr__(found.op, "weight", np.array([[weight.min_code, weight.max_code]] * 2))
    low_bits, modulus = found.low_bits, 1 << found.low_bits
    codes, values = range(weight.min_code, weight.max_code + 1), range(x.min_code, x.max_code + 1)
    for w0, w1, value in itertools.product(codes, codes, values):
        operand = ((w1 - (w0 < 0)) << low_bits) + (w0 % modulus)  # the two fields side by side
        assert -(1 << (found.operand_bits[1] - 1)) <= operand < 1 << (found.operand_bits[1] - 1)
        product = operand * value
        low = product % modulus
        low -= modulus * (low >> (low_bits - 1))
        assert (low, (product >> low_bits) + (low < 0)) == (w0 * value, w1 * value)


def test_what_fits_a_multiplier() -> None:
    # 8-bit activations and 4-bit weights: products of 12 bits, but for -128 * -8, and weights of 5 bits, or one less, above.
    found = array(4, 4, Lanes(1, 4))
    assert (found.low_bits, found.upper_bits) == (12, 5)

    def packs(low: int, high: int, array: MacArray = found) -> bool:
        return array.packs_into(replace(FAMILIES["ecp5"], multipliers=((low, high, 1),)))

    assert packs(18, 18)
    assert packs(8, 17)
    assert not packs(8, 16)
    assert not packs(7, 25)
    assert not packs(18, 18, array(4, 4, Lanes(4, 1)))  # one row
    assert not packs(18, 18, array(4, 4, Lanes(1, 4), weight=F(2, 0)))  # no multiplier
    assert found.packs_into(FAMILIES["xc7"])
    assert not found.packs_into(FAMILIES["gowin"])  # alone, each takes half of that multiplier


@pytest.mark.parametrize(
    ("lanes", "weight", "multipliers"),
    [
        (Lanes(1, 1), F(4, 2), 1), (Lanes(3, 4), F(4, 2), 12), (Lanes(3, 4, True), F(4, 2), 6), (Lanes(3, 5, True), F(4, 2), 9),
        (Lanes(3, 4), F(2, 0), 0),
    ],
)  # fmt: skip
def test_multipliers(lanes: Lanes, weight: FixedPoint, multipliers: int) -> None:
    assert array(6, 6, lanes, weight).multipliers == multipliers


@pytest.mark.parametrize(
    ("channels", "outputs", "groups", "lanes", "multipliers", "interval"),
    [
        (8, 8, 8, (1, 1), 1, 64 * 9), (8, 8, 8, (4, 4), 4, 16 * 9), (8, 8, 8, (8, 8), 8, 8 * 9), (8, 16, 8, (2, 4), 4, 32 * 9),
        (8, 8, 2, (4, 4), 8, 16 * 9), (8, 8, 2, (8, 8), 32, 8 * 9), (8, 8, 1, (8, 8), 32, 8 * 9),
    ],
)  # fmt: skip
def test_groups_side_by_side_multiply_only_among_themselves(channels, outputs, groups, lanes, multipliers, interval) -> None:
    layer = nn.Conv1d(channels, outputs, 9, padding=4, groups=groups, weight=F(4, 5), output=F(8, 4))
    graph = creator.trace(torch.nn.Sequential(nn.Quantize(F(8, 4)), layer).eval(), (channels, 8))
    (core,) = schedule(run_passes(graph, LOWER), lanes={"1": lanes}, packing=True).cores
    assert isinstance(core.node.op, Conv)
    found = MacArray(core.node.op, core.input_type, Interval.of(IN), core.lanes)
    assert (found.multipliers, core.interval) == (multipliers, interval)
    assert found.words * found.products == core.node.op.weight.size == channels * outputs * 9 // groups
    # Two rows share a multiplier only where they share an activation.
    assert core.lanes.packed == (found.sides == 1 and lanes[1] > 1)

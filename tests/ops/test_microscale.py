"""Rounding to microscaling formats: every block against fractions, against the quantizer's values, bounds and refusals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, Rounding, nn
from creator.affine import Affine
from creator.ops import Interval, Lanes, Microscale, TensorType, Timing
from creator.quantize import BFP16, E2M1, E2M3, E3M2, E4M3, E5M2, MX6, BlockQuantizer, Microscaling
from tests.oracle import ROUNDINGS, microscaled

F = FixedPoint
EVEN = Rounding.HALF_EVEN


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(
    ("digits", "depth", "largest", "least"),
    [
        (1, 0, 1, -1),
        (2, 2, 3, -3),
        (2, 1, 2, -2),
        (3, 0, 7, -8),
        (3, 0, 7, -7),
        (4, 14, 14, -14),
        (1, 3, 1, -1),
        (6, 2, 63, -63),
    ],
)
@pytest.mark.parametrize("entry", [F(6, 2), F(5, 0, signed=False), F(5, 7, symmetric=True)], ids=str)
def test_every_pair_against_fractions(
    entry: FixedPoint, digits: int, depth: int, largest: int, least: int, rounding: Rounding
) -> None:
    op, kind = Microscale(2, digits, depth, largest, least, rounding), TensorType((2,), entry)
    pairs = list(itertools.product(range(entry.min_code, entry.max_code + 1), repeat=2))
    found = op.run((kind,), (np.array(pairs),))
    assert found.tolist() == [microscaled(op, list(pair)) for pair in pairs]
    low, high = op.interval((kind,), (Interval.of(entry),))
    assert low <= found.min()
    assert found.max() <= high
    fmt = op.infer((kind,)).format
    assert fmt.min_code <= low <= high <= fmt.max_code


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("element", [E2M1, E2M3, E3M2, E4M3, E5M2, F(8, 6, symmetric=True), F(4, 2)], ids=str)
@pytest.mark.parametrize("entry", [F(20, 9), F(9, 9, signed=False)], ids=str)
def test_the_graph_gives_the_values_of_the_quantizer(entry: FixedPoint, element, rounding: Rounding) -> None:
    model = torch.nn.Sequential(
        nn.Quantize(entry), nn.Quantize(BlockQuantizer(Microscaling(element, 4), rounding=rounding))
    ).eval()
    graph, rng = creator.trace(model, (8,)), np.random.default_rng(3)
    codes = rng.integers(entry.min_code, entry.max_code + 1, (2000, 8)) >> rng.integers(0, entry.total_bits, (2000, 8))
    values = model(torch.from_numpy(entry.from_integers(codes))).detach().numpy()
    assert np.array_equal(graph.output_format.from_integers(graph.run(codes)), values)


def test_bounds_of_values_that_reach_a_power_of_two() -> None:
    kind = (TensorType((4,), F(8, 0)),)
    floating, integer = Microscale(4, 2, 2, 3, -3, EVEN), Microscale(4, 2, 0, 3, -4, EVEN)
    assert floating.interval(kind, (Interval(-128, 127),)) == (-128, 128)
    assert floating.interval(kind, (Interval(0, 100),)) == (0, 127)
    assert floating.interval(kind, (Interval(-100, 0),)) == (-127, 0)
    assert integer.interval(kind, (Interval(-100, 0),)) == (-128, 0)
    assert floating.interval(kind, (Interval(0, 0),)) == (0, 0)


@pytest.mark.parametrize(
    ("entry", "result"),
    [(F(8, 3), F(9, 3)), (F(8, 3, symmetric=True), F(8, 3)), (F(8, 3, signed=False), F(8, 3, signed=False))],
    ids=str,
)
def test_results_have_room_for_the_most_negative_code_above_zero(entry: FixedPoint, result: FixedPoint) -> None:
    assert Microscale(4, 2, 2, 3, -3, EVEN).infer((TensorType((4,), entry),)) == TensorType((4,), result)


def test_cycles_and_lanes() -> None:
    op, kind = Microscale(6, 2, 2, 3, -3, EVEN), TensorType((2, 12), F(8, 4))
    assert op.lane_choices((kind,), kind) == ([1, 2, 3, 6], None)
    assert op.timing((kind,), Lanes(2, 2)) == Timing(12, 1 + 3 + 8)
    assert op.timing((TensorType((4,), F(8, 4)),), Lanes(4, 4)) == Timing(1, 1 + 1 + 8)


@pytest.mark.parametrize(
    ("op", "x", "message"),
    [
        (Microscale(3, 2, 2, 3, -3, EVEN), TensorType((4,), F(8, 4)), "blocks of 3 do not divide its 4 channels"),
        (Microscale(0, 2, 2, 3, -3, EVEN), TensorType((4,), F(8, 4)), "are no microscaling format"),
        (Microscale(2, 0, 2, 3, -3, EVEN), TensorType((4,), F(8, 4)), "are no microscaling format"),
        (Microscale(2, 2, 255, 3, -3, EVEN), TensorType((4,), F(8, 4)), "are no microscaling format"),
        (Microscale(2, 2, 2, 1, -1, EVEN), TensorType((4,), F(8, 4)), "its largest element 1 is not"),
        (Microscale(2, 1, 2, 0, 0, EVEN), TensorType((4,), F(8, 4)), "its largest element 0 is not"),
        (Microscale(2, 2, 2, 3, -4, EVEN), TensorType((4,), F(8, 4)), "are neither floating-point nor integers"),
        (Microscale(2, 2, 0, 3, -5, EVEN), TensorType((4,), F(8, 4)), "are neither floating-point nor integers"),
        (Microscale(2, 2, 0, 2, -3, EVEN), TensorType((4,), F(8, 4)), "are neither floating-point nor integers"),
        (Microscale(2, 2, 2, 3, -3, Rounding.STOCHASTIC), TensorType((4,), F(8, 4)), "stochastic"),
        (Microscale(2, 2, 2, 3, -3, EVEN), TensorType((4,), F(52, 4)), "its results need 53 bits"),
        (Microscale(2, 2, 2, 3, -3, EVEN), TensorType((4,), Affine(0.3, 0, 8)), "has an arbitrary scale"),
    ],
)
def test_what_does_not_fit_is_refused(op: Microscale, x: TensorType, message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        op.infer((x,))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([nn.Quantize(F(8, 4)), nn.Quantize(BlockQuantizer(MX6))], "exponents depend on more than"),
        ([nn.Quantize(F(8, 4)), nn.Quantize(BlockQuantizer(BFP16))], "exponents depend on more than"),
        ([nn.Quantize(F(8, 4)), nn.Quantize(BlockQuantizer(Microscaling(E2M1, 4, "ceil")))], "exponents depend on more than"),
        ([nn.Quantize(BlockQuantizer(Microscaling(E2M1, 4)))], "a network's input cannot be mx"),
        ([nn.Quantize(F(8, 4)), nn.Quantize(BlockQuantizer(Microscaling(E2M1, 4), axis=0))], "is not an axis of a sample"),
        ([nn.Quantize(F(8, 4)), nn.Quantize(BlockQuantizer(Microscaling(E2M1, 3)))], "blocks of 3 do not divide"),
        ([nn.Quantize(F(8, 100)), nn.Quantize(BlockQuantizer(Microscaling(E2M1, 4)))], "do not fit a byte"),
        ([nn.Quantize(Affine(0.3, 1, 8)), nn.Quantize(BlockQuantizer(Microscaling(E2M1, 4)))], "scales are powers of two"),
        ([nn.Quantize(F(8, 4)), nn.Linear(8, 4, output=BlockQuantizer(Microscaling(E2M1, 4)))], "behind a layer with a Fixed"),
        (
            [nn.Quantize(F(8, 4)), nn.Quantize(BlockQuantizer(Microscaling(E2M1, 4)), rounding="floor")],
            "give the rounding to the BlockQuantizer only",
        ),
    ],
)  # fmt: skip
def test_layers_that_no_hardware_has_are_refused(layers: list[torch.nn.Module], message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        creator.trace(torch.nn.Sequential(*layers).eval(), (8,))


def test_gradients_pass_while_training() -> None:
    model = torch.nn.Sequential(
        nn.Quantize(F(8, 4)), nn.Linear(6, 4, output=F(12, 6)), nn.Quantize(BlockQuantizer(Microscaling(E2M1, 4)))
    )
    torch.manual_seed(0)
    model.train()(torch.randn(3, 6)).square().sum().backward()
    grad = model[1].weight.grad
    assert grad is not None
    assert grad.isfinite().all()
    assert grad.abs().sum() > 0

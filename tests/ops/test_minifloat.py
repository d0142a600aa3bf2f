"""Rounding to floating-point formats: every code against torch's casts and against exact fractions, bounds, refusals."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, Rounding, nn
from creator.affine import Affine
from creator.ops import Interval, Lanes, Minifloat, TensorType, Timing
from creator.ops.quantize import MAX_SHIFTED_BITS
from creator.quantize import E2M1, E4M3, E5M2, FP16, MXFP8_E4M3, BlockQuantizer, Float, FloatQuantizer
from tests.oracle import ROUNDINGS, floated

F = FixedPoint


def of(fmt: Float, rounding: Rounding = Rounding.HALF_EVEN) -> Minifloat:
    q = FloatQuantizer(fmt, rounding=rounding)
    most = round(fmt.max_value / fmt.step)
    return Minifloat(q.grid, fmt.mantissa, q.rounding, -most, most)


def run(op: Minifloat, entry: FixedPoint, codes: np.ndarray) -> np.ndarray:
    kind = (TensorType((1,), entry),)
    assert op.infer(kind) == TensorType((1,), op.output)
    return op.run(kind, (codes[:, None],))[:, 0]


@pytest.mark.parametrize(("fmt", "dtype"), [(E4M3, torch.float8_e4m3fn), (E5M2, torch.float8_e5m2)])
@pytest.mark.parametrize("entry", [F(21, 11), F(20, 21), F(20, 3), F(18, -1), F(16, 12, signed=False)])
def test_every_code_is_that_of_torchs_cast(fmt: Float, dtype: torch.dtype, entry: FixedPoint) -> None:
    op = of(fmt)
    codes = np.arange(entry.min_code, entry.max_code + 1)
    limit = torch.finfo(dtype).max
    expected = torch.from_numpy(entry.from_integers(codes)).float().clamp(-limit, limit).to(dtype).double().numpy()
    found = op.output.from_integers(run(op, entry, codes))
    assert len(codes) == 2**entry.total_bits
    assert np.array_equal(found, expected)


def test_every_number_of_the_format_is_a_code_of_its_grid_and_stays() -> None:
    for fmt, dtype, grid in (
        (E4M3, torch.float8_e4m3fn, F(19, 9, symmetric=True)),
        (E5M2, torch.float8_e5m2, F(33, 16, symmetric=True)),
    ):
        op = of(fmt)
        assert op.output == grid
        numbers = torch.arange(256, dtype=torch.uint8).view(dtype).double()
        numbers = numbers[numbers.isfinite()].numpy()
        codes = grid.to_integers(numbers)
        assert np.array_equal(grid.from_integers(codes), numbers)
        assert np.array_equal(run(op, grid, codes), codes)
        assert op.high == max(codes) == torch.finfo(dtype).max / fmt.step


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(("output", "mantissa"), [(F(6, 1), 1), (F(7, 4, symmetric=True), 2), (F(5, -3), 0), (F(6, 2), 4)])
@pytest.mark.parametrize("entry", [F(6, 3), F(6, 3, signed=False), F(6, -1), F(5, 9)])
def test_every_code_and_the_bounds(rounding: Rounding, output: FixedPoint, mantissa: int, entry: FixedPoint) -> None:
    op = Minifloat(output, mantissa, rounding, -14, 12)
    codes = np.arange(entry.min_code, entry.max_code + 1)
    found = run(op, entry, codes)
    assert found.tolist() == [floated(op, entry, code) for code in codes.tolist()]
    for low in range(entry.min_code, entry.max_code + 1):
        for high in range(low, entry.max_code + 1):
            reached = found[low - entry.min_code : high - entry.min_code + 1]
            kind = (TensorType((1,), entry),)
            assert op.interval(kind, (Interval(low, high),)) == (reached.min(), reached.max())


def test_wide_values_against_fractions() -> None:
    rng = np.random.default_rng(5)
    for entry, op in (
        (F(52, 30), of(E4M3)), (F(52, 50), of(E5M2)), (F(52, 9), of(E4M3)), (F(52, -20), of(E2M1)),
        (F(52, -3), of(E4M3)), (F(31, -17), of(E5M2)),  # whose largest value, rounded up, is the first that int64 cannot hold
    ):  # fmt: skip
        bits = entry.total_bits - 1
        codes = rng.integers(-(2**bits), 2**bits, 500) >> rng.integers(0, bits, 500)
        codes = np.append(codes, [entry.min_code, entry.max_code])
        assert run(op, entry, codes).tolist() == [floated(op, entry, code) for code in codes.tolist()]


def test_the_finest_output() -> None:
    """Codes of 8 bits, as many bits finer as there is room for."""
    op, bounds = Minifloat(F(8, 60), 2, Rounding.HALF_EVEN, -128, 127), (Interval(-128, 127),)
    assert op.interval((TensorType((1,), F(8, 60 + 8 - MAX_SHIFTED_BITS)),), bounds) == (-128, 127)
    with pytest.raises(CreatorError, match="bits finer than what it rounds"):
        op.interval((TensorType((1,), F(8, 60 + 7 - MAX_SHIFTED_BITS)),), bounds)


def test_the_widest_mantissa() -> None:
    op = Minifloat(F(8, 4), 52, Rounding.HALF_EVEN, -128, 127)
    assert run(op, F(8, 4), np.arange(-128, 128)).tolist() == list(range(-128, 128))


def test_cycles() -> None:
    kind = (TensorType((10,), F(12, 4)),)
    assert of(E4M3).timing(kind, Lanes(1, 1)) == Timing(10, 6)
    assert of(E4M3).timing(kind, Lanes(4)) == Timing(3, 6)


@pytest.mark.parametrize(
    ("op", "entry", "message"),
    [
        (of(E4M3), Affine(0.3, 5), "is none between powers of two"),
        (Minifloat(F(8, 4), -1, Rounding.HALF_EVEN, -1, 1), F(8, 4), "mantissa of -1 bits"),
        (Minifloat(F(8, 4), 53, Rounding.HALF_EVEN, -1, 1), F(8, 4), "mantissa of 53 bits"),
        (Minifloat(F(8, 4), 2, Rounding.HALF_EVEN, -200, 1), F(8, 4), "is not a range"),
        (Minifloat(F(8, 4), 2, Rounding.HALF_EVEN, -1, 128), F(8, 4), "is not a range"),
        (Minifloat(F(8, 4), 2, Rounding.STOCHASTIC, -1, 1), F(8, 4), "stochastic"),
        (of(E4M3), F(8, -60), "69 bits finer"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(op: Minifloat, entry: FixedPoint, message: str) -> None:
    kind = (TensorType((1,), entry),)

    def verify() -> None:
        op.infer(kind)
        op.interval(kind, (Interval.of(entry),))

    with pytest.raises(CreatorError, match=message):
        verify()


# The layers that round by it.


def network(output: FloatQuantizer, **rest: object) -> torch.nn.Sequential:
    torch.manual_seed(3)
    return torch.nn.Sequential(nn.Quantize(F(8, 4)), nn.Linear(12, 4, output=output, **rest)).eval()


def test_a_layer_rounds_its_exact_sum_as_torch_casts_it() -> None:
    model = network(FloatQuantizer(E4M3), bias=False)
    graph = creator.trace(model, (12,))
    assert [node.op.name for node in graph.nodes] == ["linear", "minifloat"]
    assert graph.output_format == F(19, 9, symmetric=True)
    codes = np.random.default_rng(2).integers(-128, 128, (200, 12))
    weights = F(8, 6).from_integers(F(8, 6).to_integers(model[1].weight.detach().numpy()))
    exact = torch.from_numpy(codes / 16 @ weights.T)  # below 2**24 units: exact in float32, too
    expected = exact.float().clamp(-448, 448).to(torch.float8_e4m3fn).double()
    assert torch.equal(torch.from_numpy(graph.output_format.from_integers(graph.run(codes))), expected)
    assert torch.equal(model(torch.from_numpy(codes / 16).float()).double(), expected)


def test_training_is_that_of_the_quantizer_and_converting_keeps_it() -> None:
    model = network(FloatQuantizer(E2M1, 0.5)).train()
    x = torch.randn(20, 12)
    y = model(x)
    layer = model[1]
    product = torch.nn.functional.linear(model[0](x), *layer.quantized(layer.weight, layer.bias, training=True))
    assert torch.equal(y, FloatQuantizer(E2M1, 0.5)(product))
    y.sum().backward()
    assert bool(layer.weight.grad.abs().sum() > 0)
    converted = creator.convert(model).eval()
    assert isinstance(converted[1].output_quantizer, FloatQuantizer)
    assert torch.equal(converted(x), model.eval()(x))
    assert creator.trace(converted, (12,)).nodes[-1].op.name == "minifloat"


@pytest.mark.parametrize(
    ("output", "rest", "message"),
    [
        (FloatQuantizer(E4M3, 0.3), {}, "scale that is no power of two"),
        (FloatQuantizer(E4M3, torch.tensor([1.0, 2.0, 1.0, 2.0])), {}, "several scales is for weights only"),
        (FloatQuantizer(FP16), {}, "overflows to infinities or NaN"),
        (FloatQuantizer(Float(6, 3)), {}, "needs 67 bits of fixed point, more than 52"),
        (FloatQuantizer(E4M3, rounding="stochastic"), {}, "stochastic"),
        (FloatQuantizer(E4M3), {"rounding": "floor"}, "rounds half_even and saturates, and the layer says floor"),
        (FloatQuantizer(E4M3), {"overflow": "wrap"}, "and the layer says half_even, wrap"),
        (FloatQuantizer(E4M3), {"weight": Affine(0.01)}, "needs an input and weights whose scales are powers of two"),
    ],
)  # fmt: skip
def test_outputs_that_have_no_hardware_are_refused(output: FloatQuantizer, rest: dict[str, object], message: str) -> None:
    with pytest.raises(CreatorError, match=message) as caught:
        creator.trace(network(output, **rest), (12,))
    assert "\n" not in str(caught.value)


def test_an_input_in_floating_point_is_refused_with_the_way_around() -> None:
    model = torch.nn.Sequential(nn.Quantize(FloatQuantizer(E4M3)), nn.Linear(4, 2)).eval()
    with pytest.raises(
        CreatorError, match=r"0: a network's input cannot be float<4,3,nan> \(hint: put nn.Quantize\(FixedPoint\("
    ):
        creator.trace(model, (4,))


def test_nan_and_a_change_from_an_arbitrary_scale_are_refused() -> None:
    with pytest.raises(CreatorError, match="NaN"):
        network(FloatQuantizer(E4M3), bias=False)(torch.full((1, 12), math.nan))
    change = torch.nn.Sequential(nn.Quantize(Affine(0.3, 5)), nn.Quantize(FloatQuantizer(E4M3))).eval()
    for act in (lambda: creator.trace(change, (4,)), lambda: creator.convert(change)):
        with pytest.raises(CreatorError, match=r"1: .* needs an input and weights whose scales are powers of two"):
            act()


class Branched(torch.nn.Module):
    def __init__(self, join: torch.nn.Module, *after: torch.nn.Module) -> None:
        super().__init__()
        self.quantize, self.layer = nn.Quantize(F(8, 4)), nn.Linear(4, 4, output=FloatQuantizer(E4M3))
        self.join, self.after = join, torch.nn.Sequential(*after)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.quantize(x)
        return self.after(self.join(self.layer(x), x))


def test_what_joins_values_reads_floating_point_but_does_not_give_it() -> None:
    change = nn.Quantize(FloatQuantizer(E4M3))
    graph = creator.trace(Branched(nn.Add(F(20, 9)), change).eval(), (4,))
    assert [node.op.name for node in graph.nodes] == ["linear", "minifloat", "add", "minifloat"]
    with pytest.raises(CreatorError, match=r"join: it does not round to float<4,3,nan> itself"):
        creator.trace(Branched(nn.Add(FloatQuantizer(E4M3))).eval(), (4,))


def test_a_prepared_network_of_floating_point_and_block_formats_translates() -> None:
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(9, 6), torch.nn.BatchNorm1d(6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
    config = creator.QConfig(partial(FloatQuantizer, E4M3), partial(BlockQuantizer, MXFP8_E4M3, 1))
    x = torch.randn(40, 9)
    prepared = creator.prepare(model, x, config)
    prepared(x).sum().backward()
    graph = creator.trace(creator.convert(prepared), (9,))
    assert [node.op.name for node in graph.nodes] == ["minifloat", "linear", "minifloat", "linear", "minifloat"]
    assert graph.input_format == F(19, 9, symmetric=True)
    codes = graph.input_format.to_integers(x.numpy())
    y = creator.convert(prepared).eval()(torch.from_numpy(graph.input_format.from_integers(codes)))
    assert np.array_equal(graph.output_format.from_integers(graph.run(codes)), y.detach().numpy())

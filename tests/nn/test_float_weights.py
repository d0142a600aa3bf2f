"""Weights of floating-point and block formats: eval mode and the graph have the same integers as independent arithmetic."""

from __future__ import annotations

import copy
import math
from fractions import Fraction

import numpy as np
import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, nn
from creator.affine import Affine
from creator.nn.exact import narrowest
from creator.ops import Linear
from creator.quantize import BF16, BFP16, E2M1, E3M2, E4M3, E5M2, BlockQuantizer, Float, FloatQuantizer, Specials
from creator.quantize.block_floating_point import MX6
from creator.quantize.microscaling import MXFP4, MXFP8_E4M3, MXFP8_E5M2, MXINT8, Microscaling
from creator.quantize.quantizer import Quantizer
from tests import oracle

F = FixedPoint
ENTRY = F(8, 4)


def network(weight: Quantizer, n: int = 40, m: int = 5, spread: float = 1.0, **rest: object) -> torch.nn.Sequential:
    torch.manual_seed(n)
    model = torch.nn.Sequential(nn.Quantize(ENTRY), nn.Linear(n, m, weight=weight, **rest))
    with torch.no_grad():
        model[1].weight.mul_(spread)
    return model.eval()


def linear_of(graph: creator.Graph) -> Linear:
    (op,) = (node.op for node in graph.nodes if isinstance(node.op, Linear))
    return op


def values_of(op: Linear) -> torch.Tensor:
    return torch.from_numpy(op.weight_format.from_integers(op.weight))


@pytest.mark.parametrize(("fmt", "dtype"), [(E4M3, torch.float8_e4m3fn), (E5M2, torch.float8_e5m2)])
@pytest.mark.parametrize("spread", [1.0, 40.0, 2.0**-8, 2.0**20])
def test_weights_are_those_of_torchs_cast(fmt: Float, dtype: torch.dtype, spread: float) -> None:
    model = network(FloatQuantizer(fmt), spread=spread)
    limit = torch.finfo(dtype).max
    expected = model[1].weight.detach().clamp(-limit, limit).to(dtype).double()
    assert torch.equal(values_of(linear_of(creator.trace(model, (40,)))), expected)


def blocks_by_hand(weight: np.ndarray, fmt: Microscaling, element: Float) -> list[list[Fraction]]:
    """Microscaling in fractions: OCP MX 1.0, section 6.3, elements to nearest even and saturating."""
    rows = []
    for row in weight.tolist():
        found: list[Fraction] = []
        for start in range(0, len(row), fmt.block):
            block = [Fraction(w) for w in row[start : start + fmt.block]]
            largest = max(map(abs, block))
            exponent = -element.max_exponent + (math.frexp(float(largest))[1] - 1 if largest else 0)
            for w in block:
                scaled = w / oracle.power(exponent)
                own = max(element.min_exponent, math.frexp(float(scaled))[1] - 1) if scaled else element.min_exponent
                step = oracle.power(own - element.mantissa)
                number = round(scaled / step) * step  # Python rounds fractions half to even
                most = Fraction(element.max_value)
                found.append(min(max(number, -most), most) * oracle.power(exponent))
        rows.append(found)
    return rows


@pytest.mark.parametrize(
    ("fmt", "element"),
    [(MXFP8_E4M3, E4M3), (MXFP8_E5M2, E5M2), (MXFP4, E2M1), (Microscaling(E3M2, 8), E3M2)],
)
def test_microscaled_weights_are_those_of_arithmetic_in_fractions(fmt: Microscaling, element: Float) -> None:
    model = network(BlockQuantizer(fmt, 1), 70)
    with torch.no_grad():
        model[1].weight[1, 32:64] *= 2.0**-9
    expected = blocks_by_hand(model[1].weight.detach().numpy(), fmt, element)
    op = linear_of(creator.trace(model, (70,)))
    assert [[Fraction(w) for w in row] for row in values_of(op).tolist()] == expected


QUANTIZERS: list[Quantizer] = [
    FloatQuantizer(E4M3),
    FloatQuantizer(E5M2),
    FloatQuantizer(E4M3, 0.25, "toward_zero"),
    FloatQuantizer(E2M1, torch.tensor([[0.5], [0.25], [2.0], [1.0], [4.0]])),
    FloatQuantizer(Float(3, 4, specials=Specials.NAN, saturating=False)),
    BlockQuantizer(MXFP8_E4M3, 1),
    BlockQuantizer(MXFP4, 0, "floor"),
    BlockQuantizer(MXINT8),
    BlockQuantizer(BFP16),
    BlockQuantizer(MX6),
]


@pytest.mark.parametrize("quantizer", QUANTIZERS, ids=lambda quantizer: f"{type(quantizer).__name__} {quantizer.fmt}")
def test_the_sum_is_exact_in_eval_mode_and_in_the_graph(quantizer: Quantizer) -> None:
    model = network(copy.deepcopy(quantizer), output=F(10, 5))
    graph = creator.trace(model, (40,))
    codes = np.random.default_rng(1).integers(-128, 127, (50, 40), endpoint=True)
    layer = model[1]
    weights = [[Fraction(w) for w in row] for row in layer.weight_quantizer(layer.weight.detach().double()).tolist()]
    biases = [oracle.code_of(b, F(14, 9), "half_even", "saturate") * oracle.power(-9) for b in layer.bias.tolist()]
    expected = [
        [
            oracle.code_of(
                sum(w * int(c) for w, c in zip(row, sample, strict=True)) / 16 + bias, F(10, 5), "half_even", "saturate"
            )
            for row, bias in zip(weights, biases, strict=True)
        ]
        for sample in codes
    ]
    assert graph.run(codes).tolist() == expected
    y = model(torch.from_numpy(codes / 16).float())
    assert F(10, 5).to_integers(y.detach().numpy()).tolist() == expected
    assert torch.equal(model.double()(torch.from_numpy(codes / 16)), y.double())


def test_the_format_of_the_weights_is_no_wider_than_they_need() -> None:
    for values, expected in (
        ([0.5, -0.75], F(3, 2)),
        ([0.0], F(2, 0)),
        ([3.0, 2.0**-20], F(23, 20)),
        ([-448.0, 2.0**-9], F(19, 9)),
        ([1024.0], F(2, -10)),
    ):
        fmt = narrowest(torch.tensor(values, dtype=torch.float64))
        assert fmt == expected
        assert fmt.from_integers(fmt.to_integers(values)).tolist() == values
    op = linear_of(creator.trace(network(FloatQuantizer(E4M3)), (40,)))
    assert op.weight_format == F(8, 9)  # |w| < 1/6 is less than 2**-2, in steps of 2**-9
    assert (op.weight_bits, op.weight_format.frac_bits) == (8, 9)


def test_a_normalisation_is_folded_before_the_weights_are_rounded() -> None:
    torch.manual_seed(5)
    layer, norm = nn.Linear(32, 3, weight=BlockQuantizer(MXFP8_E4M3, 1)), nn.BatchNorm1d(3)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([0.3, 5.0, -2.0]))
        norm.running_var.copy_(torch.tensor([0.1, 2.0, 7.0]))
    model = torch.nn.Sequential(nn.Quantize(ENTRY), layer, norm).eval()
    factors = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
    folded = (layer.weight.detach().double() * factors[:, None]).numpy()
    expected = blocks_by_hand(folded, MXFP8_E4M3, E4M3)
    op = linear_of(creator.trace(model, (32,)))
    assert [[Fraction(w) for w in row] for row in values_of(op).tolist()] == expected


def test_convolutions_have_blocks_along_their_input_channels() -> None:
    torch.manual_seed(6)
    fmt = Microscaling(E2M1, 4)
    layer = nn.Conv1d(8, 3, 2, weight=BlockQuantizer(fmt, 1))
    model = torch.nn.Sequential(nn.Quantize(ENTRY), layer).eval()
    (op,) = (node.op for node in creator.trace(model, (8, 5)).nodes if isinstance(node.op, Linear))
    for tap in range(2):
        expected = blocks_by_hand(layer.weight.detach()[:, :, tap].numpy(), fmt, E2M1)
        found = values_of(op)[:, tap * 8 : tap * 8 + 8]
        assert [[Fraction(w) for w in row] for row in found.tolist()] == expected


def test_training_and_converting_keep_the_quantizer_and_its_gradient() -> None:
    model = network(FloatQuantizer(E2M1), spread=12.0).train()
    weight = model[1].weight
    model(torch.ones(1, 40)).sum().backward()
    assert weight.detach().abs().max() > 1.75
    converted = creator.convert(model)
    assert isinstance(converted[1].weight_quantizer, FloatQuantizer)
    x = torch.randn(9, 40)
    assert torch.equal(converted.eval()(x), model.eval()(x))
    grad = torch.autograd.grad(model(x).sum(), weight)[0]
    assert grad.shape == weight.shape
    assert bool(grad.isfinite().all())


def test_arbitrary_scales_beside_them() -> None:
    model = network(BlockQuantizer(MXFP4, 1), output=Affine(0.3, 5))
    graph = creator.trace(creator.convert(model), (40,))
    op = linear_of(graph)
    expected = [[Fraction(w) for w in row] for row in blocks_by_hand(model[1].weight.detach().numpy(), MXFP4, E2M1)]
    assert [[Fraction(w) for w in row] for row in values_of(op).tolist()] == expected
    assert graph.output_format == Affine(0.3, 5)


def trace(model: torch.nn.Module) -> creator.Graph:
    return creator.trace(model, (40,))


def test_sums_that_are_too_wide_are_refused_with_the_width_that_they_need() -> None:
    model = network(FloatQuantizer(BF16))
    with torch.no_grad():
        model[1].weight.fill_(2.0**-100)
        model[1].weight[0, 0] = 1.0
    # Codes of -128 to 127, one weight of 2**100 units and 39 or 40 of one unit: 107 bits and a sign, and 2**107 + 39 * 128.
    with pytest.raises(
        CreatorError, match=r"1: its weights in float<8,7,ieee,overflowing> need 102 bits of fixed point and its sums 109, more"
    ):
        trace(model)
    with pytest.raises(CreatorError, match="its weights need 102 bits"):
        model(torch.ones(1, 40))
    model = network(FloatQuantizer(BF16), bias=False)
    with torch.no_grad():
        model[1].weight.fill_(2.0**-45)
        model[1].weight[0, 0] = 1.0
    with pytest.raises(CreatorError, match=r"1: its sums need 54 bits, more than 52"):
        trace(model)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda layer: layer.weight.data.fill_(math.nan), "weight is NaN or infinite"),
        (lambda layer: layer.weight.data.fill_(math.inf), "weight is NaN or infinite"),
        (lambda layer: layer.set_formats(FloatQuantizer(E4M3, 0.3)), "scale that is no power of two"),
        (lambda layer: layer.set_formats(FloatQuantizer(E4M3, rounding="stochastic")), "stochastic"),
        (lambda layer: layer.set_formats(BlockQuantizer(MXFP4, rounding="stochastic")), "stochastic"),
        (lambda layer: layer.set_formats(BlockQuantizer(MXFP4, 2)), "axis 2 is not one of 2"),
    ],
)  # fmt: skip
def test_what_is_not_exact_is_refused(change: object, message: str) -> None:
    model = network(FloatQuantizer(E4M3))
    change(model[1])  # type: ignore[operator]
    for act in (trace, lambda model: model(torch.ones(1, 40))):
        with pytest.raises(CreatorError, match=message) as caught:
            act(model)
        assert "\n" not in str(caught.value)


def test_a_weight_that_overflows_to_nan_is_refused() -> None:
    model = network(FloatQuantizer(Float(4, 3, specials=Specials.NAN, saturating=False)), spread=1e5)
    with pytest.raises(CreatorError, match=r"its weight in float<4,3,nan,overflowing> is NaN or infinite"):
        trace(model)


@pytest.mark.parametrize("fmt", [E4M3, MXFP4])
def test_a_format_without_its_quantizer_is_refused_with_the_way_to_write_it(fmt: object) -> None:
    with pytest.raises(
        CreatorError, match=r"Linear: weight=.* is no fixed-point format \(hint: pass a (Float|Block)Quantizer of it"
    ):
        nn.Linear(2, 2, weight=fmt)  # type: ignore[arg-type]


def test_layers_that_round_by_a_format_refuse_the_others() -> None:
    for make in (
        lambda: nn.AvgPool1d(2, output=FloatQuantizer(E4M3)),
        lambda: nn.AvgPool1d(2, output=BlockQuantizer(MXFP4)),
        lambda: nn.Linear(6, 2, output=BlockQuantizer(MXFP4)),
    ):
        layer = make()
        shape = (6,) if isinstance(layer, nn.Linear) else (2, 6)
        with pytest.raises(CreatorError, match="has no hardware here"):
            creator.trace(torch.nn.Sequential(nn.Quantize(ENTRY), layer).eval(), shape)

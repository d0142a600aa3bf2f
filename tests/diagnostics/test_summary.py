"""The figures of a summary against their definitions."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from creator import nn
from creator.affine import Affine, Format
from creator.diagnostics import summarize
from creator.formats import Overflow, Rounding
from creator.quantize.float_format import E4M3
from creator.quantize.float_quantizer import FloatQuantizer
from tests.diagnostics.models import (
    IMAGES,
    POINTS,
    Learned,
    P,
    check,
    find,
    network,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*saturate in:UserWarning")


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "fmt",
    [P(4, 2), P(8, 4, signed=False), P(5, -1), P(6, 9), P(8, 5, symmetric=True), P(1, 0), P(30, 20), Affine(0.07, -3, 6)],
    ids=str,
)  # fmt: skip
def test_the_figures_of_values_with_ties_and_ends(fmt: Format, training: bool) -> None:
    generator = torch.Generator().manual_seed(2)
    grid = torch.arange(-60, 60) / 8
    x = torch.cat([grid, 2 * torch.randn(500, generator=generator), torch.zeros(30), torch.tensor([1e-7, -1e-7, 700.0])])
    model = torch.nn.Sequential(nn.Quantize(fmt)).train(training)
    check(find(summarize(model, x[None]), "0"), x, fmt)


@pytest.mark.parametrize(
    "fmt", [P(8, 2), P(8, 2, signed=False), Affine(0.25, 10, 8), Affine(0.25, 0, 8, signed=False)], ids=str
)
@pytest.mark.parametrize(("low", "high"), [(1.0, 3.0), (-4.0, -0.25), (0.5, 0.5), (-1.0, 2.0), (0.0, 0.0)])
def test_the_range_used_includes_zero(fmt: Format, low: float, high: float) -> None:
    x = torch.tensor([[low, (low + high) / 2, high]])
    row = find(summarize(torch.nn.Sequential(nn.Quantize(fmt)), x), "0")
    check(row, x, fmt)
    if fmt.min_value < -4:
        assert row.used == pytest.approx((max(high, 0.0) - min(low, 0.0)) / (fmt.max_value - fmt.min_value))


def test_every_rounding_and_wrapping() -> None:
    x = torch.tensor([[-9.0, -8.5, -8.3, 0.49, 0.5, 7.0, 7.49, 7.5, 8.2]])
    outside = {
        Rounding.HALF_EVEN: 3, Rounding.HALF_UP: 3, Rounding.HALF_AWAY: 4, Rounding.FLOOR: 4, Rounding.TOWARD_ZERO: 2
    }  # fmt: skip
    for rounding, count in outside.items():
        row = find(summarize(torch.nn.Sequential(nn.Quantize(P(4, 0), rounding)), x), "0")
        assert row.saturated == count / 9, rounding
    row = find(summarize(torch.nn.Sequential(nn.Quantize(P(4, 0), overflow=Overflow.WRAP)), x), "0")
    assert row.saturated == 3 / 9
    q = np.array([7, -8, -8, 0, 0, 7, 7, -8, -8])
    assert row.sqnr_db == pytest.approx(10 * math.log10(float((x**2).sum()) / float(((x[0].numpy() - q) ** 2).sum())), rel=1e-6)


@pytest.mark.parametrize("mode", ["plain", "fused"])
def test_every_slot_as_evaluation_computes_it(mode: str) -> None:
    model = network(mode).eval()
    summary = summarize(model, IMAGES)
    conv, norm, linear = model[1], model[2], model[5]
    check(find(summary, "0"), IMAGES, P(8, 5))
    weight, bias = norm.folded(conv)
    check(find(summary, "1", "weight"), weight, P(5, 4))
    check(find(summary, "1", "bias"), bias, P(7, 5))
    x = model[0](IMAGES)
    check(find(summary, "1"), conv.product(x.double(), *conv.quantized(weight, bias, False)), P(6, 3, signed=False), True)
    y = model[:5](IMAGES)
    check(find(summary, "5", "weight"), linear.weight, P(6, 5))
    check(find(summary, "5", "bias"), linear.bias, P(10, 8))
    sums = linear.product(y.double(), *linear.quantized(linear.weight, linear.bias, False))
    check(find(summary, "5"), sums, P(6, 4))
    check(find(summary, "6"), torch.tanh(linear(y).double()), P(8, 7))
    assert [(row.module, row.slot) for row in summary.rows] == [
        ("0", "output"), ("1", "output"), ("1", "weight"), ("1", "bias"), ("5", "output"), ("5", "weight"), ("5", "bias"),
        ("6", "output"),
    ]  # fmt: skip


def test_what_is_measured_becomes_what_evaluation_gives() -> None:
    model = network().eval()
    outputs: dict[str, torch.Tensor] = {}
    hooks = [
        module.register_forward_hook(lambda _, args, y, name=name: outputs.__setitem__(name, y.detach()))
        for name, module in model.named_children()
    ]
    model(IMAGES)
    for hook in hooks:
        hook.remove()
    summary = summarize(model, IMAGES)
    for name, last in (("0", "0"), ("1", "2"), ("5", "5"), ("6", "6")):
        assert find(summary, name).zero == float((outputs[last] == 0).double().mean())


@pytest.mark.parametrize("mode", ["plain", "fused"])
def test_training_shows_the_statistics_of_the_batch(mode: str) -> None:
    model = network(mode).train()
    summary = summarize(model, IMAGES)
    conv, norm = copy.deepcopy(model[1]).double(), model[2]
    scale = norm.scale(torch.float64)[:, None, None, None]
    weight, _ = conv.quantized(conv.weight * scale, None, True)
    x = model[0](IMAGES).double()
    sums = F.conv2d(x, weight / scale, conv.bias)
    y = F.batch_norm(sums, None, None, norm.weight.double(), norm.bias.double(), True, 0.0, norm.eps)
    check(find(summary, "1"), y, P(6, 3, signed=False), True)
    check(find(summary, "1", "weight"), norm.folded(model[1])[0], P(5, 4))
    check(find(summary, "1", "bias"), norm.folded(model[1])[1], P(7, 5))
    frozen = network(mode).train()
    frozen[2].freeze_stats()
    running = find(summarize(frozen, IMAGES), "1")
    assert running == find(summarize(frozen.eval(), IMAGES), "1")
    assert running != find(summary, "1")


def test_a_scale_for_each_channel() -> None:
    torch.manual_seed(0)
    fmt = Affine((0.002, 0.004, 0.001), 0, 7, axis=0)
    layer = nn.Linear(30, 3, weight=fmt, output=Affine(0.03, 5, 8))
    summary = summarize(torch.nn.Sequential(nn.Quantize(P(8, 5)), layer).eval(), torch.randn(9, 30))
    row = find(summary, "1", "weight")
    check(row, layer.weight, fmt)
    assert row.in_codes
    assert row.range == (-64, 63)
    assert row.histogram.edges[0] < -100
    assert row.saturated is not None
    assert row.saturated > 0.1
    bias = find(summary, "1", "bias")
    assert (bias.format, bias.used, bias.saturated, bias.zero, bias.sqnr_db) == ("grid of the sum", None, None, None, None)
    assert (bias.low, bias.high) == (float(layer.bias.detach().min()), float(layer.bias.detach().max()))


def test_quantizers_without_a_format() -> None:
    model = torch.nn.Sequential(nn.Quantize(Learned()), nn.Linear(6, 3, weight=FloatQuantizer(E4M3), output=Learned()))
    summary = summarize(model, POINTS)
    row = find(summary, "1", "weight")
    weight = model[1].weight.detach()
    noise = (weight - model[1].weight_quantizer(weight)).double()
    assert row.format == "FloatQuantizer"
    assert row.sqnr_db == pytest.approx(10 * math.log10(float(weight.double().square().sum() / noise.square().sum())))
    assert (row.used, row.saturated, row.range) == (None, None, None)
    assert find(summary, "0").format == find(summary, "1").format == "Learned"
    assert find(summary, "1").sqnr_db > 30
    assert summarize(copy.deepcopy(model).eval(), POINTS).rows == summary.rows
    model(POINTS)  # now they have seen something
    after = summarize(model, POINTS)
    check(find(after, "0"), POINTS, model[0].output_format)
    assert find(after, "1").format == str(model[1].output_format)
    assert "FloatQuantizer" in str(after)


def test_layers_that_are_called_twice_or_never() -> None:
    class Twice(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.never = nn.Linear(6, 6, bias=False)
            self.fc = nn.Linear(6, 6, output=P(4, 2))
            self.entry = nn.Quantize(P(8, 5))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.fc(self.entry(x)))  # type: ignore[no-any-return]

    torch.manual_seed(0)
    model = Twice().eval()
    summary = summarize(model, POINTS)
    assert [(row.module, row.slot) for row in summary.rows] == [
        ("entry", "output"), ("fc", "output"), ("fc", "weight"), ("fc", "bias"), ("never", "weight")
    ]  # fmt: skip
    fc = model.fc
    parameters = fc.quantized(fc.weight, fc.bias, False)
    first = model.entry(POINTS.detach())
    check(find(summary, "fc"), torch.cat([fc.product(v.double(), *parameters) for v in (first, fc(first))]), P(4, 2))
    check(find(summary, "fc", "weight"), fc.weight, fc.weight_format)

"""Transposed convolutions against products placed one by one on Python's integers, and what they become."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, Overflow, Rounding, nn
from creator.affine import Affine
from creator.graph.vectors import check_vectors
from tests.nn.helpers import codes_of, nearest_codes, random_codes, seeded
from tests.oracle import code_of, power

F = FixedPoint
IN, WEIGHT, OUT = F(8, 4), F(6, 4), F(12, 5)

ARGUMENTS: list[dict[str, Any]] = [
    {"kernel_size": 2, "stride": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1},
    {"kernel_size": (3, 2), "stride": (2, 3), "padding": (1, 0), "output_padding": (0, 2)},
    {"kernel_size": 4, "stride": 2, "padding": 3},
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": 2, "stride": 3, "dilation": (2, 1), "output_padding": (2, 0)},
    {"kernel_size": 3, "stride": 2, "dilation": 2, "padding": 4},
    {"kernel_size": 1, "stride": 2, "output_padding": 1},
    {"kernel_size": 3, "stride": 2, "groups": 2},
]


def placed(x: np.ndarray, weight: np.ndarray, layer: Any) -> np.ndarray:
    """Exact sums on the products' grid: each pixel adds the kernel, times its code, where torch says."""
    batch, channels, *sizes = x.shape
    per_group, group_inputs = weight.shape[1], channels // layer.groups
    numbers = zip(sizes, layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.output_padding, strict=True)
    places = [(n - 1) * s - 2 * p + d * (k - 1) + extra + 1 for n, k, s, p, d, extra in numbers]
    y = np.zeros((batch, per_group * layer.groups, *places), dtype=object)
    for channel, at, tap in itertools.product(
        range(channels), itertools.product(*map(range, sizes)), itertools.product(*map(range, layer.kernel_size))
    ):
        steps = zip(at, tap, layer.stride, layer.padding, layer.dilation, strict=True)
        target = tuple(i * s - p + t * d for i, t, s, p, d in steps)
        if all(0 <= t < n for t, n in zip(target, places, strict=True)):
            group = channel // group_inputs
            for output in range(per_group):
                product = x[(slice(None), channel, *at)].astype(object) * int(weight[(channel, output, *tap)])
                y[(slice(None), group * per_group + output, *target)] += product
    return y


def layer_of(arguments: dict[str, Any], axes: int, **formats: Any) -> Any:
    torch.manual_seed(3)
    kind = nn.ConvTranspose2d if axes == 2 else nn.ConvTranspose1d
    alone = {key: value[0] if isinstance(value, tuple) else value for key, value in arguments.items()}
    layer = kind(4, 6, **(arguments if axes == 2 else alone), **{"weight": WEIGHT, "output": OUT, "bias": F(10, 7)} | formats)
    with torch.no_grad():
        layer.weight.mul_(2)
        layer.bias.mul_(2)
    return layer


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
def test_sums_are_exact_and_rounded_once(arguments, axes) -> None:
    layer = layer_of(arguments, axes).eval()
    sizes = (3, 4)[:axes]
    codes = random_codes((2, 4, *sizes), IN, 1)
    sums = placed(codes, nearest_codes(layer.weight.detach().double().numpy(), WEIGHT), layer)
    biases = nearest_codes(layer.bias.detach().double().numpy(), F(10, 7)).astype(object)
    values = sums * power(-8) + (biases * power(-7)).reshape(-1, *[1] * axes)
    expected = [code_of(v, OUT, Rounding.HALF_EVEN, Overflow.SATURATE) for v in values.ravel()]
    y = layer(torch.from_numpy(IN.from_integers(codes)).float())
    assert codes_of(y, OUT).ravel().tolist() == expected
    assert y.shape == sums.shape


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
def test_the_graph_computes_the_same(arguments, axes) -> None:
    model = torch.nn.Sequential(nn.Quantize(IN), layer_of(arguments, axes)).eval()
    graph = creator.trace(model, (4, *(3, 4)[:axes]))  # which compares the two
    names = [node.op.name for node in graph.nodes if node.op.name not in ("permute", "reshape")]
    strides = {arguments.get("stride", 1)} if isinstance(arguments.get("stride", 1), int) else set(arguments["stride"][:axes])
    assert names == (["pad", "conv"] if strides != {1} else ["conv"])


def test_between_arbitrary_scales() -> None:
    entry = Affine(0.07, -30, 8)
    weight = Affine((0.01, 0.02, 0.015), bits=6, axis=0)
    for arguments in ({"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}, {"kernel_size": 2}):
        torch.manual_seed(1)
        layer = nn.ConvTranspose2d(2, 3, **arguments, weight=weight, output=Affine(0.05, 10, 8))
        layer.input_format = entry
        model = torch.nn.Sequential(nn.Quantize(entry), layer).eval()
        graph = creator.trace(model, (2, 3, 4))
        x = check_vectors(graph, 20)
        y = model(torch.from_numpy(entry.from_integers(x))).detach().numpy()
        assert np.array_equal(graph.output_format.to_integers(y), graph.run(x))
        zeros = [node.op.code for node in graph.nodes if node.op.name == "pad"]
        assert zeros == ([-30] if "stride" in arguments else [])


def test_training_has_torchs_gradients_where_nothing_is_rounded_away() -> None:
    ours = layer_of({"kernel_size": 3, "stride": 2}, 2, weight=F(30, 20), output=F(40, 25), bias=F(30, 20)).double()
    theirs = torch.nn.ConvTranspose2d(4, 6, 3, 2).double()
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 4, 3, 4, generator=seeded(1)).double()
    for layer in (ours, theirs):
        layer(x).square().sum().backward()
    assert torch.allclose(ours.weight.grad, theirs.weight.grad, atol=1e-2)
    assert torch.allclose(ours.bias.grad, theirs.bias.grad, atol=1e-2)


def test_a_normalisation_folds_into_it() -> None:
    torch.manual_seed(2)
    layer = nn.ConvTranspose2d(2, 4, 3, stride=2, groups=2, weight=F(8, 6), output=F(8, 4))
    model = torch.nn.Sequential(nn.Quantize(IN), layer, nn.BatchNorm2d(4), nn.ReLU())
    for _ in range(3):
        model(2 * torch.randn(8, 2, 4, 4))
    graph = creator.trace(model.eval(), (2, 4, 4))
    assert [node.op.name for node in graph.nodes if node.op.name != "permute"] == ["pad", "conv"]


def test_prepared_and_converted() -> None:
    torch.manual_seed(4)
    model = torch.nn.Sequential(
        torch.nn.ConvTranspose2d(2, 4, 3, 2, 1, 1), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.ConvTranspose2d(4, 1, 2)
    ).eval()
    x = torch.rand(8, 2, 4, 4, generator=seeded(1))
    prepared = creator.prepare(model, x[:1])
    creator.calibrate(prepared, [x])
    assert isinstance(prepared.get_submodule("0"), nn.ConvTranspose2d)
    graph = creator.trace(creator.convert(prepared).eval(), (2, 4, 4))
    y = graph.output_format.from_integers(graph.run(graph.input_format.to_integers(x.numpy())))
    assert float(np.abs(y - model(x).detach().numpy()).max()) < 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel_size": 2, "padding": 2}, "padding=2 cuts off more than the kernel adds"),
        ({"kernel_size": 2, "padding_mode": "reflect"}, "padding_mode='reflect' is not supported"),
    ],
)
def test_refusals(arguments, message) -> None:
    with pytest.raises((CreatorError, ValueError), match=message):
        nn.ConvTranspose2d(1, 1, **arguments)

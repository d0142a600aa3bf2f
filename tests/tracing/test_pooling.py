"""Pools, padding and upsampling, as modules and in forward: what they become, and what is refused."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

import creator
from creator import CreatorError, FixedPoint, nn
from creator.affine import Affine
from creator.graph.vectors import check_vectors

F = FixedPoint
IN = F(8, 4)


class Doing(torch.nn.Module):
    """A model whose forward calls a function."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.quantize, self.function = nn.Quantize(IN), function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self.quantize(x))


def ops_of(model: torch.nn.Module, shape: tuple[int, ...]) -> list[str]:
    """The operations of the traced model but those that only order elements; its outputs are those of the model."""
    graph = creator.trace(model.eval(), shape)
    x = check_vectors(graph, 20, seed=3)
    y = model(torch.from_numpy(graph.input_format.from_integers(x)).float()).detach().numpy()
    assert np.array_equal(graph.run(x), graph.output_format.to_integers(y))
    assert graph.output_shape == y.shape[1:]
    return [node.op.name for node in graph.nodes if node.op.name not in ("permute", "reshape")]


FUNCTIONS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], tuple[int, ...], list[str]]] = {
    "max_pool2d": (lambda x: functional.max_pool2d(x, 3, 2, 1), (2, 7, 6), ["maxpool"]),
    "max_pool2d by names": (lambda x: functional.max_pool2d(x, kernel_size=(2, 3), ceil_mode=True), (2, 7, 6), ["maxpool"]),
    "torch.max_pool2d": (lambda x: torch.max_pool2d(x, 2), (2, 6, 6), ["maxpool"]),
    "max_pool1d": (lambda x: functional.max_pool1d(x, 2), (2, 6), ["maxpool"]),
    "torch.max_pool1d": (lambda x: torch.max_pool1d(x, 3, 1, 1), (2, 6), ["maxpool"]),
    "avg_pool2d": (lambda x: functional.avg_pool2d(x, (2, 4)), (2, 6, 8), ["sumpool"]),
    "avg_pool2d with a divisor": (lambda x: functional.avg_pool2d(x, 3, divisor_override=8), (2, 6, 6), ["sumpool"]),
    "avg_pool1d": (lambda x: functional.avg_pool1d(x, 4, 2), (2, 8), ["sumpool"]),
    "adaptive_avg_pool2d": (lambda x: functional.adaptive_avg_pool2d(x, (2, 1)), (2, 4, 2), ["sumpool"]),
    "adaptive_avg_pool1d": (lambda x: functional.adaptive_avg_pool1d(x, 1), (2, 4), ["sumpool"]),
    "adaptive_max_pool2d": (lambda x: functional.adaptive_max_pool2d(x, 2), (2, 4, 6), ["maxpool"]),
    "adaptive_max_pool1d": (lambda x: functional.adaptive_max_pool1d(x, 3), (2, 6), ["maxpool"]),
    "mean": (lambda x: x.mean((2, 3)), (2, 4, 4), ["sumpool"]),
    "mean of the last axes, kept": (lambda x: x.mean(dim=[-1, -2], keepdim=True), (2, 4, 4), ["sumpool"]),
    "mean of one axis": (lambda x: torch.mean(x, 3), (2, 3, 4), ["sumpool"]),
    "mean of the other": (lambda x: x.mean(2), (2, 2, 3), ["sumpool"]),
    "mean, 1 dimension": (lambda x: x.mean(-1), (3, 8), ["sumpool"]),
    "mean of tokens": (lambda x: x.flatten(2).transpose(1, 2).mean(1), (3, 2, 4), ["sumpool"]),
    "mean of channels": (lambda x: x.mean(1), (4, 2, 3), ["sumpool"]),
    "mean of channels, kept": (lambda x: torch.mean(x, 1, keepdim=True), (4, 2, 3), ["sumpool"]),
    "mean of channels and columns": (lambda x: x.mean(dim=(1, -1)), (2, 3, 4), ["sumpool", "sumpool"]),
    "mean of everything": (lambda x: x.mean((1, 2, 3), keepdim=True), (2, 2, 4), ["sumpool"]),
    "mean of a row, in float64": (lambda x: x.mean(1, True, dtype=torch.float64), (8,), ["sumpool"]),
    "mean of channels and rows, kept": (lambda x: x.mean((-2, -3), keepdim=True), (2, 4, 3), ["sumpool"]),
    "amax of channels": (lambda x: x.amax(1), (3, 2, 5), ["maxpool"]),
    "amax of channels, 1 dimension": (lambda x: x.amax(dim=1, keepdim=True), (3, 5), ["maxpool"]),
    "amax": (lambda x: x.amax((2, 3)), (2, 3, 5), ["maxpool"]),
    "pad": (lambda x: functional.pad(x, (1, 2)), (2, 3, 5), ["pad"]),
    "pad with a constant": (lambda x: functional.pad(x, (1, 2, 0, 1), "constant", 1.5), (2, 3, 5), ["pad"]),
    "pad by names": (lambda x: functional.pad(x, pad=(0, 0, 1, 1), value=-8), (2, 3, 5), ["pad"]),
    "pad of channels": (lambda x: functional.pad(x, (0, 0, 0, 0, 1, 2)), (2, 2, 3), ["pad"]),
    "pad of channels and pixels": (lambda x: functional.pad(x, (1, 0, 2, 0, 0, 1), value=0.5), (2, 2, 3), ["pad", "pad"]),
    "pad of nothing": (lambda x: functional.relu(functional.pad(x, (0, 0))), (2, 3, 5), ["clamp"]),
    "interpolate": (lambda x: functional.interpolate(x, scale_factor=(2, 3)), (2, 3, 5), ["upsample"]),
    "interpolate to a size": (lambda x: functional.interpolate(x, size=(6, 15)), (2, 3, 5), ["upsample"]),
    "interpolate, 1 dimension": (lambda x: functional.interpolate(x, scale_factor=3), (2, 4), ["upsample"]),
    "a size of the value": (lambda x: functional.avg_pool2d(x, x.shape[2:]).view(x.size(0), -1), (2, 4, 2), ["sumpool"]),
    "an axis's size": (lambda x: functional.max_pool2d(x, kernel_size=x.size(-1)), (2, 6, 3), ["maxpool"]),
    "interpolate to the size of another": (
        lambda x: functional.interpolate(functional.max_pool2d(x, 2), size=x.shape[2:]) + x,
        (2, 4, 6),
        ["maxpool", "upsample", "add"],
    ),
    "pad by a difference": (
        lambda x: functional.pad(x[:, :, 1:], [0, 0, x.shape[2] - x[:, :, 1:].shape[2], 0]) + x,
        (2, 3, 2),
        ["slice", "pad", "add"],
    ),
    "one after the other": (
        lambda x: functional.max_pool2d(functional.interpolate(functional.pad(x, (1, 1, 1, 1)), scale_factor=2), 3).mean(
            (2, 3)
        ),
        (3, 4, 4),
        ["pad", "upsample", "maxpool", "sumpool"],
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    function, shape, expected = FUNCTIONS[name]
    assert ops_of(Doing(function), shape) == expected


def sequence(*layers: torch.nn.Module) -> torch.nn.Sequential:
    return torch.nn.Sequential(nn.Quantize(IN), *layers)


@pytest.mark.parametrize(
    ("layers", "shape", "expected"),
    [
        ([nn.MaxPool2d(1), nn.ReLU()], (2, 3, 3), ["clamp"]),
        ([nn.Upsample(scale_factor=1), nn.ReLU()], (2, 3, 3), ["clamp"]),
        ([torch.nn.AvgPool2d(1), nn.ReLU()], (2, 3, 3), ["clamp"]),
        ([nn.ZeroPad2d(0), nn.ReLU()], (2, 3, 3), ["clamp"]),
        ([torch.nn.AvgPool2d(2), nn.Quantize(F(6, 2))], (2, 4, 4), ["sumpool", "quantize"]),
        ([nn.AvgPool2d(2, output=IN), nn.ReLU()], (2, 4, 4), ["sumpool", "rescale"]),
        ([nn.AdaptiveAvgPool2d(1, output=IN), nn.Flatten(), nn.Linear(2, 3)], (2, 3, 3), ["sumpool", "rescale", "linear"]),
        ([nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3)], (2, 6, 6),
         ["conv", "maxpool", "linear"]),
    ],
)  # fmt: skip
def test_modules(layers: list[torch.nn.Module], shape: tuple[int, ...], expected: list[str]) -> None:
    torch.manual_seed(1)
    assert ops_of(sequence(*layers), shape) == expected


def test_a_power_of_two_is_divided_by_with_a_shift() -> None:
    graph = creator.trace(sequence(nn.AvgPool2d(4, output=F(9, 5))), (2, 8, 8))
    (node,) = (node for node in graph.nodes if node.op.name == "rescale")
    assert (node.op.factors.tolist(), node.op.shift, node.op.scaling.multiplies) == ([1], 3, False)


@pytest.mark.parametrize("shape", [(2, 7, 6), (1, 9)])
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_dilated_windows_lie_where_those_of_torch_lie(shape: tuple[int, ...], ceil_mode: bool) -> None:
    traced = 0
    kind = nn.MaxPool2d if len(shape) == 3 else nn.MaxPool1d
    for kernel, stride, padding, dilation in itertools.product((2, 3), (1, 2, 3), (0, 1), (2, 3)):
        model = torch.nn.Sequential(nn.Quantize(F(6, 2)), kind(kernel, stride, padding, dilation, ceil_mode=ceil_mode))
        with contextlib.suppress(RuntimeError):  # windows that do not fit
            model(torch.zeros(1, *shape))
            creator.trace(model, shape)  # compares the two
            traced += 1
    assert traced >= 20


def test_an_output_much_finer_than_its_sums_multiplies_by_more() -> None:
    graph = creator.trace(sequence(nn.AvgPool1d(2, output=F(20, 12))), (2, 4))
    (node,) = (node for node in graph.nodes if node.op.name == "rescale")
    assert (node.op.factors.tolist(), node.op.shift) == ([128], 0)


@pytest.mark.parametrize(
    ("model", "shape", "message"),
    [
        (sequence(torch.nn.AvgPool2d(3)), (2, 6, 6), "divides by 9 has no exact result .*hint: use creator.nn.AvgPool2d"),
        (sequence(torch.nn.AvgPool2d(2, padding=1, count_include_pad=False)), (2, 6, 6), "divides by 1 or 2 or 4"),
        (sequence(torch.nn.AdaptiveAvgPool2d(1)), (2, 3, 6), "divides by 18 .*hint: use creator.nn.AdaptiveAvgPool2d"),
        (torch.nn.Sequential(nn.Quantize(Affine(0.1, 3, 8)), torch.nn.AvgPool2d(2)), (2, 6, 6), "needs a format"),
        (torch.nn.Sequential(nn.Quantize(F(20, 3)), torch.nn.AvgPool2d(8)), (1, 8, 8), "sums of 26 bits are not exact"),
        (sequence(nn.MaxPool2d(2, return_indices=True)), (2, 6, 6), "return_indices=True is not supported"),
        (sequence(nn.MaxPool2d(4, dilation=2)), (2, 6, 6), "fails on an input|windows of 7 positions do not fit"),
        (sequence(nn.MaxPool2d((2, 1), 1, (1, 0), (2, 1))), (2, 1, 6), "dilated kernel lies wholly in the padding"),
        (sequence(nn.MaxPool1d(2, 1, 1, 3)), (2, 2), "dilated kernel lies wholly in the padding"),
        (sequence(nn.AdaptiveMaxPool2d(4)), (2, 6, 6), "4 windows over 6 positions differ in size"),
        (sequence(nn.AvgPool2d(2, output=Affine(0.1, 3, 8))), (2, 6, 6), "does not know that its input is fixed<8,4>"),
        (torch.nn.Sequential(nn.Quantize(F(40, 3)), nn.AvgPool2d(3)), (1, 3, 3), "its products need 59 bits, more than 52"),
        (sequence(nn.MaxPool1d(2)), (6,), "with 1 more axes, but gets \\(6,\\)"),
        (sequence(nn.MaxPool2d(2)), (6, 6), "with 2 more axes, but gets \\(6, 6\\)"),
        (sequence(nn.ZeroPad2d(1)), (6,), "with 1 or 2 more axes, but gets"),
        (sequence(nn.ZeroPad2d((1, -1, 0, 0))), (2, 6, 6), "cuts off pixels"),
        (sequence(nn.ConstantPad2d(1, 0.01)), (2, 6, 6), "the padding value 0.01 is not a value of fixed<8,4>"),
        (sequence(nn.ConstantPad2d(1, 8.0)), (2, 6, 6), "the padding value 8.0 is not a value of fixed<8,4>"),
        (sequence(nn.ConstantPad2d(1, float("inf"))), (2, 6, 6), "is not a number"),
        (sequence(nn.Upsample(scale_factor=2, mode="bilinear")), (2, 3, 3), "mode='bilinear' is not supported"),
        (sequence(nn.Upsample(scale_factor=1.5)), (2, 4, 4), "not each equally often"),
        (sequence(nn.Upsample(size=(5, 6))), (2, 3, 3), "not each equally often"),
        (torch.nn.Sequential(nn.MaxPool2d(2), nn.Quantize(IN)), (2, 6, 6), "its input has no number format"),
        (Doing(lambda x: x.mean((1, 2, 3))), (3, 4, 4), "divides by 48"),
        (Doing(lambda x: x.mean(0)), (2, 4, 4), "mixes the batch"),
        (Doing(lambda x: x.mean(1)), (3, 4, 4), "divides by 3"),
        (Doing(lambda x: x.mean()), (2, 4, 4), "mixes the batch .*dim=\\(1, 2, 3\\) is all of them"),
        (Doing(lambda x: x.mean(2, dtype=torch.float16)), (2, 4, 4), "a result of the type torch.float16 is not supported"),
        (Doing(lambda x: x.mean((2, 3))), (2, 3, 4), "divides by 12"),
        (Doing(lambda x: functional.pad(x, (1, 1, 1, 1), mode="reflect")), (2, 4, 4), "mode='reflect' is not supported"),
        (Doing(lambda x: functional.pad(x, (0, 0, 0, 0, 0, 0, 0, 1))), (2, 4, 4), "mixes the batch|padding of the batch"),
        (Doing(lambda x: functional.max_pool2d(x, 2, return_indices=True)[0]), (2, 4, 4), "several results"),
        (Doing(lambda x: functional.interpolate(x, scale_factor=2, mode="bicubic")), (2, 4, 4), "mode='bicubic'"),
    ],
)
def test_refusals(model: torch.nn.Module, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        creator.trace(model.eval(), shape)


@pytest.mark.parametrize("make", [nn.AvgPool1d, nn.AvgPool2d], ids=str)
def test_every_average_that_is_traced_is_that_of_its_layer(make) -> None:
    """Over many shapes and arguments at once, by the comparison that tracing makes."""
    rng = np.random.default_rng(5)
    axes, count = (1 if make is nn.AvgPool1d else 2), 0
    for _ in range(60):
        kernel = tuple(int(n) for n in rng.integers(1, 5, axes))
        padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
        stride = tuple(int(n) for n in rng.integers(1, 4, axes))
        settings = {"ceil_mode": bool(rng.integers(2)), "count_include_pad": bool(rng.integers(2))}
        fmt = F(int(rng.integers(3, 12)), int(rng.integers(-2, 9)), bool(rng.integers(2)))
        shape = (2, *(int(n) for n in rng.integers(4, 8, axes)))
        graph = creator.trace(sequence(make(kernel, stride, padding, output=fmt, **settings)).eval(), shape)
        count += "sumpool" in {node.op.name for node in graph.nodes}
    assert count == 60

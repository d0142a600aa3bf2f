"""Functions and methods in ``forward``: the graph computes what PyTorch computes, with the operations that are expected."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

import creator
from creator import CreatorError, FixedPoint, nn
from creator.affine import Affine
from creator.graph.vectors import check_vectors
from creator.ops import Permute

F = FixedPoint
ENTRY = F(8, 4)
Function = Callable[[torch.Tensor], torch.Tensor]


class Calling(torch.nn.Module):
    """A function behind a convolution, so that the graph has channels last, or behind a format alone."""

    def __init__(self, function: Function, shape: tuple[int, ...], entry: FixedPoint | Affine = ENTRY) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.entry, self.function = nn.Quantize(entry), function
        kind = {2: nn.Conv1d, 3: nn.Conv2d}.get(len(shape), torch.nn.Identity)
        self.first = kind(shape[0], shape[0], 1, weight=F(6, 5), output=F(8, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self.first(self.entry(x)))


def operations(function: Function, shape: tuple[int, ...]) -> list[str]:
    """What the graph has behind the convolution, if it gives what the model gives; without what only renames elements."""
    model = Calling(function, shape).eval()
    graph = creator.trace(model, shape)
    x = check_vectors(graph, 40, seed=1)
    with torch.no_grad():
        y = model(torch.from_numpy(graph.input_format.from_integers(x)).float()).double().numpy()
    values = graph.output_format.from_integers(graph.run(x))
    assert np.array_equal(values.reshape(y.shape), y)
    assert values.shape == (y.shape if y.ndim > 1 else (len(y), 1))
    names = [node.op.name for node in graph.nodes if node.op.name not in ("reshape", "conv")]
    return names[1:] if names[:1] == ["permute"] else names


IMAGE, ROW = (3, 2, 4), (6,)

KNOWN: dict[str, tuple[Function, tuple[int, ...], list[str]]] = {
    "sum of pixels": (lambda x: x.sum(dim=(2, 3)), IMAGE, ["sumpool"]),
    "sum of pixels, kept": (lambda x: torch.sum(x, (-1, -2), keepdim=True), IMAGE, ["sumpool"]),
    "sum along numpy's name of an axis": (lambda x: torch.sum(x, axis=3), IMAGE, ["sumpool", "permute"]),
    "sum of channels": (lambda x: x.sum(1), IMAGE, ["sumpool"]),
    "sum of channels and columns": (lambda x: x.sum((1, 3)), IMAGE, ["sumpool"]),
    "sum of channels and rows": (lambda x: x.sum((1, 2)), IMAGE, ["sumpool", "sumpool"]),
    "sum of everything": (lambda x: x.sum((1, 2, 3)), IMAGE, ["sumpool"]),
    "sum of everything, kept": (lambda x: x.sum((1, 2, 3), keepdim=True), IMAGE, ["sumpool"]),
    "sum of a row, in float64": (lambda x: x.sum(-1, dtype=torch.float64), ROW, ["sumpool"]),
    "sum of frames": (lambda x: x.sum(2, keepdim=True), (3, 5), ["sumpool"]),
    "sums one after the other": (lambda x: x.sum(3).sum(2), IMAGE, ["sumpool", "sumpool"]),
    "sum of one element": (lambda x: torch.relu(x.sum(2)), (3, 1, 2), ["clamp", "permute"]),
    "amax of channels": (lambda x: x.amax(1), IMAGE, ["maxpool"]),
    "amax of everything": (lambda x: x.amax((1, 2, 3)), IMAGE, ["maxpool"]),
    "amax of a row": (lambda x: x.amax(1, keepdim=True), ROW, ["maxpool"]),
    "max by name": (lambda x: x.max(-1).values, IMAGE, ["maxpool", "permute"]),
    "max by index": (lambda x: torch.max(x, 1, keepdim=True)[0], IMAGE, ["maxpool"]),
    "max of two axes": (lambda x: x.max(2)[0].max(dim=2)[0], IMAGE, ["maxpool", "maxpool"]),
    "max of pixels": (lambda x: x.flatten(2).max(-1).values, IMAGE, ["maxpool"]),
    "amin of pixels": (lambda x: x.amin((2, 3)), IMAGE, ["slope", "maxpool", "slope"]),
    "min of channels": (lambda x: x.min(1).values, IMAGE, ["slope", "maxpool", "slope"]),
    "larger": (lambda x: torch.maximum(x, x * 0.25), IMAGE, ["shift", "quantize", "quantize", "add", "add", "permute"]),
    "larger, by max": (lambda x: torch.max(torch.relu(x), -x), ROW, ["clamp", "slope", "quantize", "add", "add"]),
    "smaller, repeated": (lambda x: x.minimum(x[:, :1]), IMAGE, ["slice", "upsample", "add", "add", "permute"]),
    "stack of rows": (lambda x: torch.stack([x, x], 1), ROW, ["concatenate"]),
    "stack of images": (lambda x: torch.stack((x, x, x), dim=1), IMAGE, ["concatenate", "concatenate", "permute"]),
    "stack behind": (lambda x: torch.stack((x, x), dim=-1), IMAGE, ["concatenate", "permute"]),
    "stack and sum": (lambda x: torch.stack([x, x * 2], 2).sum(2), IMAGE,
                      ["shift", "quantize", "quantize", "concatenate", "sumpool", "permute"]),
    "unbind": (lambda x: x.unbind(1)[0] + torch.unbind(x, dim=1)[2], IMAGE, ["slice", "slice", "add"]),
    "unbind columns": (lambda x: x.unbind(-1)[3], IMAGE, ["slice", "permute"]),
    "select": (lambda x: x.select(1, -1) + torch.select(x, dim=1, index=0), IMAGE, ["slice", "slice", "add"]),
    "every other channel": (lambda x: x[:, ::2], IMAGE, ["maxpool", "permute"]),
    "from the second on": (lambda x: x[:, 1::2], ROW, ["slice", "maxpool"]),
    "up to a place": (lambda x: x[:, 1:5:3], ROW, ["slice", "maxpool"]),
    "only one": (lambda x: x[:, 4::3], ROW, ["slice"]),
    "every other pixel": (lambda x: x[..., ::2, ::2], (2, 3, 4), ["maxpool", "permute"]),
    "every third column": (lambda x: x[..., 1::3], (2, 2, 5), ["slice", "maxpool", "permute"]),
    "pixel shuffle": (lambda x: functional.pixel_shuffle(x, 2), (8, 2, 3), ["permute", "permute"]),
    "pixel shuffle by one": (lambda x: functional.pixel_shuffle(x, 1), IMAGE, ["permute"]),
    "pixel unshuffle": (lambda x: functional.pixel_unshuffle(x, downscale_factor=2), (2, 4, 6), ["permute", "permute"]),
    "channel shuffle": (lambda x: functional.channel_shuffle(x, 2), (6, 2, 2), ["permute", "permute"]),
    "channel shuffle by hand": (lambda x: x.view(-1, 2, 3, 2, 2).transpose(1, 2).reshape(-1, 6, 2, 2), (6, 2, 2), ["permute"]),
    "tokens": (lambda x: x.flatten(2).transpose(1, 2), IMAGE, []),
    "unflatten": (lambda x: torch.unflatten(x, 1, (2, 3)), ROW, []),
    "swapdims": (lambda x: x.swapdims(1, 2), (3, 4), []),
    "magnitude": (lambda x: x.abs() + abs(x) + torch.absolute(x), ROW, ["slope", "slope", "add", "slope", "add"]),
    "square": (lambda x: x.square() + x**2 + torch.pow(x, 2), ROW, ["multiply", "multiply", "add", "multiply", "add"]),
    "limits": (lambda x: torch.clamp_min(x.clamp_max(2.5), -1), ROW, ["clamp"]),
    "copies": (lambda x: x.clone().detach().float().double().to(torch.float32) + x, ROW, ["add"]),
    "an axis less": (lambda x: x.sum(1, keepdim=True).squeeze(1), ROW, ["sumpool"]),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_what_functions_become(name: str) -> None:
    function, shape, expected = KNOWN[name]
    assert operations(function, shape) == expected


@pytest.mark.parametrize(
    ("function", "output"),
    [
        (lambda x: x.sum(1), F(11, 4)),
        (lambda x: x.mean((1,), dtype=torch.float64), F(11, 7)),
        (abs, F(8, 4, signed=False)),
        (lambda x: x.amin(1), F(8, 4)),
        (lambda x: torch.maximum(x, torch.relu(x)), F(8, 4)),
        (lambda x: torch.minimum(x, x * 2), F(9, 4)),
    ],
)
def test_results_have_the_narrowest_formats(function: Function, output: FixedPoint) -> None:
    assert creator.trace(Calling(function, (8,)), (8,)).output_format == output


@pytest.mark.parametrize(
    ("function", "where", "what"),
    [
        (lambda x: x.sum(), "sum", r"mixes the batch with other axes \(hint: name axes of a sample: dim=\(1, 2, 3\) is all"),
        (lambda x: x.sum((0, 1)), "sum", "mixes the batch"),
        (lambda x: x.sum(1, dtype=torch.int32), "sum", "a result of the type torch.int32 is not supported"),
        (lambda x: x.max(), "max", "mixes the batch"),
        (lambda x: x.max(1)[1], "getitem", r"use x.argmax\(dim\)"),
        (lambda x: x.min(1).indices, "getattr", "the indices of a maximum are not supported"),
        (lambda x: torch.maximum(x, torch.zeros(1)), "maximum", r"a maximum with a constant .*clamp\(min="),
        (lambda x: torch.stack([x, x]), "stack", "mixes the batch"),
        (lambda x: torch.stack([x, torch.zeros(3, 3, 2, 4)], 1), "stack", "an operand that is no value of the network"),
        (lambda x: x.unbind()[0], "unbind", "mixes the batch"),
        (lambda x: x.select(0, 0), "select", "mixes the batch"),
        (lambda x: x.half(), "half", "not supported"),
        (lambda x: x.to(torch.int32), "to", "the type int32 does not hold"),
        (lambda x: functional.pixel_shuffle(x, 2), "pixel_shuffle", "3 channels are no squares of 2 times 2|fails on"),
        (lambda x: x.aminmax(dim=1)[0], "aminmax", "several results"),
    ],
)
def test_what_is_refused(function: Function, where: str, what: str) -> None:
    with pytest.raises(CreatorError, match=rf"^{where}: .*{what}"):
        creator.trace(Calling(function, IMAGE), IMAGE)


@pytest.mark.parametrize(
    "function", [lambda x: x.mean(1), lambda x: x.sum(1), lambda x: x.amax(1), lambda x: x.transpose(1, 2), lambda x: abs(x)]
)
def test_what_comes_before_the_first_format_is_refused(function: Function) -> None:
    with pytest.raises(CreatorError, match=r"its input has no number format .hint: begin the network with nn.Quantize"):
        creator.trace(torch.nn.Sequential(Doing(function), nn.Quantize(ENTRY)), (2, 4))


def test_copies_before_the_first_format_are_none() -> None:
    model = torch.nn.Sequential(Doing(lambda x: x.float().clone()), nn.Quantize(ENTRY))
    assert creator.trace(model, 4).nodes == ()


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (lambda x: x.sum(1), r"needs an output format \(hint: use creator.nn.AvgPool1d or AvgPool2d with divisor_override=1"),
        (abs, "a magnitude of"),
        (lambda x: x.amin(1), "a minimum of"),
        (lambda x: torch.maximum(x, torch.relu(x)), "a maximum of arbitrary scales"),
    ],
)
def test_arbitrary_scales_are_refused(function: Function, what: str) -> None:
    with pytest.raises(CreatorError, match=what):
        creator.trace(Calling(function, (4,), Affine(0.1, 3, 8)), (4,))


def test_sums_that_float32_does_not_hold_are_refused_and_float64_holds_them() -> None:
    model = Calling(lambda x: x.sum(1), (4,), F(23, 4))
    with pytest.raises(CreatorError, match=r"^sum: sums of 25 bits are not exact in float32"):
        creator.trace(model, (4,))
    wide = Calling(lambda x: x.sum(1, dtype=torch.float64), (4,), F(23, 4))
    assert creator.trace(wide, (4,)).output_format == F(25, 4)


def test_a_gated_linear_unit_is_a_product_with_a_sigmoid() -> None:
    model = torch.nn.Sequential(nn.Quantize(F(8, 4)), nn.GLU(1, F(8, 5), F(7, 7, signed=False), rounding="floor")).eval()
    graph = creator.trace(model, (6, 2))
    assert [node.op.name for node in graph.nodes] == ["slice", "slice", "lookup", "multiply"]
    assert graph.nodes[-1].paths == ("1.multiply",)
    x = torch.randn(50, 6, 2, generator=torch.Generator().manual_seed(1))
    assert (model(x) - functional.glu(x, 1)).abs().max() < 0.2


def test_a_channel_shuffle_by_hand_between_convolutions_exchanges_axes_once() -> None:
    def shuffled(x: torch.Tensor) -> torch.Tensor:
        return x.view(x.size(0), 2, 3, x.size(2), x.size(3)).transpose(1, 2).contiguous().view(x.shape)

    names = []
    for shuffle in (Doing(shuffled), nn.ChannelShuffle(2)):
        layers = [nn.Quantize(F(8, 4)), nn.Conv2d(2, 6, 1), shuffle, nn.Conv2d(6, 2, 1, groups=2)]
        graph = creator.trace(torch.nn.Sequential(*layers).eval(), (2, 2, 2))
        names.append([node.op.name for node in graph.nodes if node.op.name != "reshape"])
        (inside,) = (node for node in graph.nodes[1:-1] if isinstance(node.op, Permute))
        assert inside.op.block(graph.input_types(inside)[0]) == 6  # the channels of a pixel
    assert names == [["permute", "conv", "permute", "conv", "permute"]] * 2


class Doing(torch.nn.Module):
    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


def factors(size: int, rng: np.random.Generator) -> list[int]:
    """Numbers whose product is ``size``, some of them 1."""
    found = [1] * int(rng.integers(0, 2))
    while size > 1 and rng.integers(3):
        factor = int(rng.choice([n for n in range(2, size + 1) if size % n == 0]))
        found, size = [*found, factor], size // factor
    return [*found, size]


@pytest.mark.parametrize("seed", range(40))
def test_reshapes_and_exchanges_in_any_order(seed: int) -> None:
    """Up to four of each, and then what reads channels last where there are pixels."""
    rng, sizes = np.random.default_rng(seed), [*IMAGE]
    steps: list[tuple[list[int], list[int]]] = []
    for _ in range(int(rng.integers(1, 5))):
        order = rng.permutation(len(sizes)).tolist()
        sizes = [sizes[axis] for axis in order]
        at = int(rng.integers(0, len(sizes)))
        sizes = [*factors(math.prod(sizes[:at]), rng), *factors(math.prod(sizes[at:]), rng)]
        steps.append(([0, *(axis + 1 for axis in order)], sizes))

    def moved(x: torch.Tensor) -> torch.Tensor:
        for order, shape in steps:
            x = x.permute(order).reshape(-1, *shape)
        return functional.pad(x, (0, 1)) if len(sizes) in (2, 3) else torch.relu(x)

    assert operations(moved, IMAGE)

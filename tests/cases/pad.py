"""Constants around and between pixels: sides, steps, values, lanes, one and two dimensions."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional

from creator import FixedPoint, nn
from creator.affine import Affine
from creator.ops import Pad
from tests.cases import Case, GraphCase, constants, sequential
from tests.graph.chains import chain

F = FixedPoint
IN = F(6, 2)


def module(name: str, shape: tuple[int, ...], layer: torch.nn.Module, lanes: int = 1, entry: FixedPoint = IN) -> Case:
    return Case(name, lambda: sequential(nn.Quantize(entry), layer), shape, {"lanes": {"1": lanes}})


def pad(name: str, shape: tuple[int, ...], op: Pad, lanes: int = 1, entry: Any = IN) -> GraphCase:
    return GraphCase(name, lambda: chain(op, shape=shape, entry=entry), {"lanes": {"layer.0": lanes}})


class Before(torch.nn.Module):
    """A function in forward."""

    def __init__(self) -> None:
        super().__init__()
        self.quantize = nn.Quantize(IN)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.pad(self.quantize(x), (2, 0, 1, 0), value=-1.5)


def transposed(name: str, shape: tuple[int, ...], channels: int, kernel: Any, lanes: Any = (1, 1), **arguments: Any) -> Case:
    """A transposed convolution: steps, and a convolution; ``lanes`` are the second one's."""
    kind = nn.ConvTranspose1d if len(shape) == 2 else nn.ConvTranspose2d
    settings = {"weight": F(6, 4), "output": F(8, 4)} | arguments
    return Case(name, lambda: sequential(nn.Quantize(IN), kind(shape[0], channels, kernel, **settings)), shape,
                {"lanes": {"conv_1": lanes}})  # fmt: skip


CASES = [
    module("all around", (2, 3, 4), nn.ZeroPad2d(1)),
    module("all around one channel", (1, 3, 4), nn.ZeroPad2d(2)),
    module("sides that differ", (3, 2, 3), nn.ZeroPad2d((1, 2, 0, 3))),
    module("right alone", (2, 2, 3), nn.ZeroPad2d((0, 2, 0, 0))),
    module("bottom alone", (2, 2, 3), nn.ZeroPad2d((0, 0, 0, 1))),
    module("top alone of one pixel", (2, 1, 1), nn.ZeroPad2d((0, 0, 2, 0))),
    module("a constant", (2, 3, 3), nn.ConstantPad2d(1, -3.25)),
    module("lowest value", (2, 3, 3), nn.ConstantPad2d(1, -8)),
    module("1 bit", (2, 3, 3), nn.ConstantPad2d(1, -1.0), entry=F(1, 0)),
    module("1 dimension", (2, 5), nn.ZeroPad1d((2, 1))),
    module("columns of two dimensions", (2, 3, 3), nn.ZeroPad1d((1, 1))),
    module("lanes", (6, 3, 4), nn.ZeroPad2d((1, 0, 1, 1)), lanes=3),
    module("all channels at once", (4, 3, 4), nn.ConstantPad2d((1, 0, 1, 1), 2.5), lanes=4),
    Case("in forward", Before, (2, 2, 2)),
    constants(
        "of channels",
        lambda m, x: functional.pad(m.conv(x), (0, 1, 0, 0, 1, 2), value=0.5),
        (2, 2, 2),
        lambda: {"conv": nn.Conv2d(2, 2, 1)},
    ),
    pad("zero point", (3, 3, 2), Pad((1, 1), (1, 1), (1, 1), 5), entry=Affine(0.1, 5, 4, signed=False)),
    pad("every other pixel", (3, 3, 2), Pad((0, 0), (0, 0), (2, 2), 0)),
    pad("steps that differ", (3, 4, 2), Pad((2, 1), (1, 2), (3, 2), -1), lanes=2),
    pad("steps of columns", (2, 3, 1), Pad((0, 0), (0, 1), (1, 4), 3)),
    pad("steps of rows", (3, 2, 2), Pad((0, 0), (2, 0), (3, 1), 3)),
    pad("steps of 1 dimension", (4, 1), Pad((1,), (0,), (2,), 3)),
    pad("steps of one pixel", (1, 1, 3), Pad((1, 1), (1, 1), (2, 2), 3)),
    transposed("transposed convolution", (2, 3, 3), 3, 2, stride=2),
    transposed("transposed convolution of odd sizes", (2, 2, 3), 2, 3, stride=2, padding=1, output_padding=1, lanes=(2, 1)),
    transposed("transposed convolution with dilation and groups", (2, 2, 2), 4, 2, stride=3, dilation=2, groups=2),
    transposed("transposed convolution beyond its windows", (1, 2, 2), 2, 1, stride=2, output_padding=1),
    transposed("transposed convolution of 1 dimension", (3, 4), 2, 4, stride=2, padding=1, lanes=(3, 2)),
    transposed("transposed convolution of one row", (1, 1, 3), 2, 2, stride=2, output_padding=1),
    pad("nothing", (2, 2), Pad((0,), (0,), (1,), 3)),
    pad("nothing, of one pixel", (1, 2), Pad((0,), (0,), (3,), 3)),
    pad("nothing, of one element", (1, 1, 1), Pad((0, 0), (0, 0), (2, 3), 3)),
]

"""Maxima of windows: kernels, strides, padding, remainders, formats, lanes, one and two dimensions, and global ones."""

from __future__ import annotations

from typing import Any

import torch

from creator import FixedPoint, nn
from creator.affine import Affine
from creator.ops import MaxPool, Pad, Upsample
from tests.cases import Case, GraphCase, constants, sequential
from tests.graph.branches import add, joined
from tests.graph.chains import chain

F = FixedPoint
IN = F(6, 2)


def pool(name: str, shape: tuple[int, ...], kernel: Any, *after: torch.nn.Module, entry: FixedPoint = IN, lanes: int = 1,
         **arguments: Any) -> Case:  # fmt: skip
    kind = nn.MaxPool1d if len(shape) == 2 else nn.MaxPool2d
    return Case(name, lambda: sequential(nn.Quantize(entry), kind(kernel, **arguments), *after), shape, {"lanes": {"1": lanes}})


CASES = [
    pool("2 x 2", (2, 4, 6), 2),
    pool("2 x 2 of one channel", (1, 4, 4), 2),
    pool("2 x 2 with a remainder", (2, 5, 7), 2),
    pool("2 x 2 with a remainder that counts", (2, 5, 7), 2, ceil_mode=True),
    pool("overlapping and padded", (3, 6, 8), 3, stride=2, padding=1),
    pool("overlapping and padded, odd", (3, 7, 5), 3, stride=2, padding=1),
    pool("as many as there are pixels", (2, 4, 5), 3, stride=1, padding=1),
    pool("as many as there are pixels, in a memory", (5, 3, 4), 5, stride=1, padding=2),
    pool("larger than the sample", (2, 2, 3), 5, stride=1, padding=2),
    pool("gaps between windows", (2, 7, 8), (2, 1), stride=(3, 4)),
    pool("every other pixel", (2, 5, 4), 1, stride=2),
    pool("rows alone", (4, 4, 3), (2, 1)),
    pool("columns alone", (4, 2, 6), (1, 3), stride=(1, 1)),
    pool("whole rows", (2, 6, 3), (3, 3), stride=(2, 1)),
    pool("1 dimension", (3, 8), 2),
    pool("1 dimension, overlapping", (4, 9), 3, stride=2, padding=1, ceil_mode=True),
    GraphCase("one element", lambda: chain(MaxPool((1,), (1,), (0,), (0,)), shape=(1, 1))),
    pool("unsigned", (4, 4, 4), 2, entry=F(5, 3, signed=False)),
    pool("symmetric", (2, 5, 4), 3, stride=1, entry=F(4, 2, symmetric=True)),
    pool("1 bit", (2, 4, 4), 2, entry=F(1, 0)),
    pool("lanes", (12, 4, 4), 2, lanes=3),
    pool("all channels at once", (6, 5, 5), 3, stride=2, padding=1, lanes=6),
    pool("all channels of windows in a memory", (6, 3, 5), 3, stride=1, padding=1, lanes=1),
    pool("several results in a memory, lanes", (8, 3, 4), 3, stride=1, padding=1, lanes=2),
    pool("two in a row", (4, 9, 7), 3, nn.ReLU(), nn.MaxPool2d(2), stride=1, padding=1),
    pool("dilated", (2, 6, 5), 2, stride=1, dilation=2),
    pool("dilated, 1 dimension", (3, 9), 3, stride=1, dilation=2),
    pool("dilated, padded, strided", (2, 7, 6), 3, stride=2, padding=(1, 0), dilation=(2, 1)),
    pool("dilated columns with a remainder", (3, 3, 8), (1, 2), stride=(1, 3), dilation=(1, 3), ceil_mode=True),
    pool("dilated, 1 dimension, everything", (4, 11), 2, stride=3, padding=1, dilation=3, ceil_mode=True, lanes=2),
    pool("dilated, symmetric", (1, 5, 5), 2, nn.ReLU(), stride=1, dilation=3, entry=F(4, 2, symmetric=True)),
    Case("global", lambda: sequential(nn.Quantize(IN), nn.AdaptiveMaxPool2d(1)), (5, 3, 4)),
    Case("four parts", lambda: sequential(nn.Quantize(IN), nn.AdaptiveMaxPool2d((2, 2))), (3, 4, 6)),
    Case("global, 1 dimension", lambda: sequential(nn.Quantize(IN), nn.AdaptiveMaxPool1d(1), nn.Flatten()), (2, 7)),
    constants("the largest channel", lambda m, x: m.conv(x).max(1)[0], (2, 2, 3), lambda: {"conv": nn.Conv2d(2, 3, 1)}),
    constants("the least of everything", lambda _, x: x.amin((1, 2)), (2, 3), entry=F(5, 2)),
    constants("every other channel", lambda m, x: m.conv(x)[:, 1::2], (2, 2, 2), lambda: {"conv": nn.Conv2d(2, 5, 1)}),
    constants("every other row and third column", lambda m, x: m.conv(x)[:, :, ::2, 1::3], (2, 3, 5),
              lambda: {"conv": nn.Conv2d(2, 2, 1)}),
    GraphCase("arbitrary scale", lambda: chain(MaxPool((2, 3), (1, 2), (1, 2), (0, 2)), shape=(3, 5, 4),
                                               entry=Affine(0.1, 9, 6, signed=False))),
    GraphCase("two beside each other", lambda: joined(
        add(F(7, 2)), (MaxPool((2, 2), (2, 2), (0, 0), (0, 0)),), (MaxPool((3, 3), (2, 2), (1, 1), (1, 1)),),
        shape=(6, 4, 5), entry=IN)),
    GraphCase("beside what it pools", lambda: joined(
        add(F(7, 2)), (Pad((1, 1), (1, 1), (1, 1), 0), MaxPool((3, 3), (1, 1), (0, 0), (0, 0))), (),
        shape=(3, 4, 2), entry=IN)),
    GraphCase("and up again, beside what it pools", lambda: joined(
        add(F(7, 2)), (MaxPool((2, 2), (2, 2), (0, 0), (0, 0)), Upsample((2, 2))), (), shape=(4, 4, 2), entry=IN)),
    GraphCase("padding of more than half", lambda: chain(MaxPool((4,), (3,), (3,), (2,)), shape=(5, 2))),
]  # fmt: skip

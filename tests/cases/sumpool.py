"""Sums of windows, and the averages that they become: divisors, roundings, zero points, padding, lanes."""

from __future__ import annotations

from typing import Any

import torch

from creator import FixedPoint, Rounding, nn
from creator.affine import Affine
from creator.ops import SumPool
from tests.cases import Case, GraphCase, constants, sequential
from tests.graph.chains import chain, rescale

F = FixedPoint
IN = F(6, 2)


def average(name: str, shape: tuple[int, ...], kernel: Any, *after: torch.nn.Module, entry: FixedPoint = IN, lanes: int = 1,
            **arguments: Any) -> Case:  # fmt: skip
    kind = nn.AvgPool1d if len(shape) == 2 else nn.AvgPool2d
    settings = {"output": F(8, 4)} | arguments
    return Case(name, lambda: sequential(nn.Quantize(entry), kind(kernel, **settings), *after), shape, {"lanes": {"1": lanes}})


def sums(name: str, shape: tuple[int, ...], kernel: tuple[int, ...], *after: Any, entry: Any, lanes: int = 1,
         before: tuple[int, ...] = (0, 0)) -> GraphCase:  # fmt: skip
    """Windows side by side."""
    pads = before[: len(kernel)]
    return GraphCase(name, lambda: chain(SumPool(kernel, kernel, pads, pads, 0), *after, shape=shape, entry=entry),
                     {"lanes": {"layer.0": lanes}})  # fmt: skip


CASES = [
    average("2 x 2", (2, 4, 6), 2),
    average("3 x 3", (2, 6, 3), 3),
    average("a fifth", (3, 10), 5, output=F(5, 1)),
    average("overlapping and padded", (3, 6, 8), 3, stride=2, padding=1),
    average("without its padding", (2, 5, 4), 3, stride=2, padding=1, count_include_pad=False),
    average("remainders that count", (2, 5, 7), 2, ceil_mode=True, count_include_pad=False),
    average("remainders that count as whole", (2, 5, 7), 2, ceil_mode=True),
    average("a divisor of its own", (2, 4, 4), 2, divisor_override=7),
    average("a divisor of one", (2, 4, 4), 2, divisor_override=1, output=F(5, 2)),
    average("in a memory", (5, 4, 4), 2),
    average("in a memory, overlapping", (4, 5, 4), 3, stride=1, padding=1),
    average("lanes", (6, 4, 4), 2, lanes=2),
    average("unsigned", (2, 4, 4), 2, entry=F(5, 3, signed=False), output=F(6, 3, signed=False)),
    average("unsigned to signed", (4, 6), 3, entry=F(5, 3, signed=False), output=F(5, 3)),
    average("1 bit", (2, 8), 4, entry=F(1, 0), output=F(4, 3)),
    average("1 dimension, overlapping", (2, 9), 4, nn.ReLU(), stride=2, padding=2),
    average("kernel of one", (2, 3, 4), 1, stride=(2, 1)),
    *(average(f"{mode}", (1, 6), 3, rounding=mode, output=F(4, 1))
      for mode in Rounding if mode is not Rounding.STOCHASTIC),
    *(average(f"{mode}, a half", (1, 6), 2, rounding=mode, output=F(4, 1))
      for mode in Rounding if mode is not Rounding.STOCHASTIC),
    Case("global", lambda: sequential(nn.Quantize(IN), nn.AdaptiveAvgPool2d(1, output=F(8, 5))), (5, 3, 4)),
    Case("global, a power of two", lambda: sequential(nn.Quantize(IN), nn.AdaptiveAvgPool2d(1, output=F(8, 5))), (5, 2, 4)),
    Case("exact average", lambda: sequential(nn.Quantize(IN), torch.nn.AvgPool2d(2), nn.Quantize(F(5, 2))), (3, 4, 4)),
    Case("exact global average", lambda: sequential(nn.Quantize(IN), torch.nn.AdaptiveAvgPool1d(1)), (3, 8)),
    sums("zero point", (4, 6, 2), (2, 3), entry=Affine(0.1, 5, 5)),
    sums("zero point at an end", (4, 6, 2), (2, 3), entry=Affine(0.1, -16, 5)),
    sums("zero point of an unsigned format, padded", (3, 4, 4), (2, 3), entry=Affine(0.1, 12, 4, signed=False), before=(1, 1)),
    sums("zero point at the end of an unsigned format", (4, 5), (2,), entry=Affine(0.1, 15, 4, signed=False), lanes=5),
    sums("zero point and a kernel of one", (4, 3), (1,), entry=Affine(0.1, 15, 4, signed=False)),
    sums("averages between scales", (4, 4, 3), (2, 2), rescale([33221], 17, Affine(0.2, -9, 6)), entry=Affine(0.1, 4, 6)),
    constants("sum of pixels", lambda _, x: x.sum((2, 3)), (2, 2, 3)),
    constants("sum of channels and rows, kept", lambda m, x: m.conv(x).sum((1, 2), keepdim=True), (2, 2, 3),
              lambda: {"conv": nn.Conv2d(2, 3, 1, output=F(6, 3))}),
    constants("a divisor of one, 1 dimension", lambda m, x: m.pool(x), (2, 4),
              lambda: {"pool": nn.AvgPool1d(4, divisor_override=1, output=F(8, 2))}),
    sums("wide", (4, 2), (4,), entry=F(40, 3)),
]  # fmt: skip

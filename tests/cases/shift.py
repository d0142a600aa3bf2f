"""Products with powers of two: only the binary point moves."""

from __future__ import annotations

import torch

from creator import FixedPoint, nn
from creator.ops import Shift
from tests.cases import GraphCase, constants
from tests.graph.branches import add, joined
from tests.graph.chains import chain, linear, quantize, table

F = FixedPoint

CASES = [
    GraphCase("between layers", lambda: chain(linear(3, 4), Shift(2), quantize(F(8, 4)), linear(4, 2), shape=(3,))),
    GraphCase("first and last", lambda: chain(Shift(-3), quantize(F(6, 3)), Shift(5), shape=(3,))),
    GraphCase("twice, of a table", lambda: chain(table(), Shift(-1), Shift(3), quantize(F(5, 2)), shape=(3,))),
    GraphCase("of an operand", lambda: joined(add(F(9, 3)), (Shift(1),), (linear(4, 4), Shift(-2)), shape=(4,))),
    GraphCase("of both branches", lambda: joined(add(F(9, 3)), (Shift(1),), (Shift(-2),), shape=(4,))),
    GraphCase(
        "of a pixel, all at once", lambda: chain(quantize(F(6, 3)), Shift(1), shape=(2, 2)), {"parallelism": "full-lanes"}
    ),
    constants("a half, then a layer", lambda s, x: s.last(x * 0.5) * 4, layers=lambda: {"last": nn.Linear(3, 2)}),
    constants("unsigned", lambda s, x: s.round(x / 8), (3,), lambda: {"round": nn.Quantize(F(4, 3))}, F(6, 2, signed=False)),
    constants("a swish of lines", lambda s, x: x * s.relu6(x + 3) / 8, layers=lambda: {"relu6": torch.nn.ReLU6()}),
]

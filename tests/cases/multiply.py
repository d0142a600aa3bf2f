"""Products: formats, wide operands, every rounding and overflow, merged clamps, lanes."""

from __future__ import annotations

from typing import Any

import torch

import creator
from creator import Affine, FixedPoint, Overflow, Rounding, nn
from creator.ops import Clamp, Op
from tests.cases import Case, GraphCase, Residual, sequential
from tests.graph.branches import joined, multiply
from tests.graph.chains import linear, quantize, table

F = FixedPoint
DETERMINISTIC = [mode for mode in Rounding if mode is not Rounding.STOCHASTIC]


def case(name: str, op: Op, first: tuple[Op, ...] = (), second: tuple[Op, ...] = (), *after: Op, **kwargs: Any) -> GraphCase:
    options = kwargs.pop("options", {})
    return GraphCase(name, lambda: joined(op, first, second, *after, **kwargs), options)


GATE = (linear(6, 6), table())

CASES = [
    case("a square", multiply(F(12, 4))),
    case("a gate", multiply(F(8, 4)), (), GATE, shape=(6,)),
    case("a gate and a relu", multiply(F(8, 4)), GATE, (), Clamp(0, 100), shape=(6,)),
    *(
        case(f"{rounding} {overflow}", multiply(F(5, 2), rounding, overflow), (quantize(F(5, 3)),), shape=(3,))
        for rounding in DETERMINISTIC
        for overflow in Overflow
    ),
    *(
        case(
            f"{output} of {first}, {second}", multiply(output), (quantize(first),), (quantize(second),), entry=entry, shape=(3,)
        )
        for entry, output, first, second in (
            (F(8, 3), F(16, 6), F(8, 3), F(8, 3)),
            (F(8, 3), F(8, 3), F(1, 0), F(8, 3)),
            (F(8, 3), F(12, 4), F(7, 2, signed=False), F(8, 4)),
            (F(8, 3), F(9, 3, signed=False), F(7, 2, signed=False), F(5, 1, signed=False)),
            (F(8, 3), F(20, 9), F(6, 2, symmetric=True), F(5, 3)),
            (F(20, 8), F(30, 12), F(20, 8), F(18, 7)),
            (F(20, 8), F(44, 16), F(20, 8), F(24, 10)),
            (F(40, 20), F(50, 24), F(40, 20), F(10, 4)),
        )
    ),
    case("operands of small bounds", multiply(F(3, 4)), (Clamp(0, 1),), (Clamp(-1, 0),), shape=(3,)),
    case("a gate, all at once", multiply(F(8, 4)), (), GATE, shape=(6,), options={"parallelism": "full-lanes"}),
    case("a gate, four cycles", multiply(F(8, 4)), (), GATE, shape=(6,), options={"parallelism": 4}),
    case("a gate, lanes", multiply(F(8, 4)), (), GATE, shape=(6,), options={"lanes": {"b.0": [3, 2], "join": 5}}),
    case("a square of images", multiply(F(8, 4)), (), (), shape=(2, 2, 3), options={"lanes": {"join": 2}}),
    Case("nn.Multiply by a gate", lambda: Residual(
        F(8, 4), sequential(nn.Linear(5, 5), nn.Sigmoid(F(8, 8, signed=False))), nn.Multiply(F(8, 4))), (5,)),
    *(Case(f"arbitrary scales, {mode}", lambda mode=mode: creator.convert(Residual(
        Affine(0.1, 3, 5), nn.Quantize(Affine(0.07, -9, 6)), nn.Multiply(Affine(0.12, 4, 6), mode), nn.ReLU())), (5,))
      for mode in DETERMINISTIC),
    Case("plain product", lambda: Residual(F(8, 4), nn.Linear(5, 5), torch.mul, nn.Quantize(F(9, 3))), (5,)),
]  # fmt: skip

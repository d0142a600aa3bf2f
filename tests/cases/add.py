"""Sums and differences: formats, grids, every rounding and overflow, merged clamps, lanes, branches of all lengths."""

from __future__ import annotations

from typing import Any

import torch

import creator
from creator import Affine, FixedPoint, Graph, Overflow, Rounding, nn
from creator.graph import Builder
from creator.ops import Clamp, Op, Reshape, TensorType
from tests.cases import Case, GraphCase, Residual, constants, sequential
from tests.graph.branches import add, joined
from tests.graph.chains import linear, quantize, table

F = FixedPoint
DETERMINISTIC = [mode for mode in Rounding if mode is not Rounding.STOCHASTIC]


def case(name: str, op: Op, first: tuple[Op, ...] = (), second: tuple[Op, ...] = (), *after: Op, **kwargs: Any) -> GraphCase:
    options = kwargs.pop("options", {})
    return GraphCase(name, lambda: joined(op, first, second, *after, **kwargs), options)


def nested() -> Graph:
    """Two residual blocks, the second around a branch that forks again."""
    builder = Builder(TensorType((5,), F(8, 4)))
    first = builder.add(linear(5, 5), builder.input, ("block.0",))
    top = builder.add(add(F(9, 4)), (builder.input, first), ("block.sum",))
    narrow = builder.add(quantize(F(8, 4)), top, ("narrow",))
    left = builder.add(linear(5, 5, seed=1), narrow, ("left",))
    right = builder.add(quantize(F(6, 2)), narrow, ("right",))
    inner = builder.add(add(F(8, 3), -1), (left, right), ("inner",))
    return builder.graph(builder.add(add(F(10, 3)), (inner, top), ("outer",)))


def ends() -> Graph:
    """The sum of the first value and of the last of a long chain."""
    builder = Builder(TensorType((3,), F(6, 2)))
    current = builder.input
    for index in range(6):
        current = builder.add(quantize(F(6, 2 + index % 2)), current, (f"q.{index}",))
    return builder.graph(builder.add(add(F(8, 2)), (current, builder.input), ("sum",)))


LONG = (linear(6, 6),)

CASES = [
    case("a value with itself", add(F(9, 4))),
    constants(
        "the larger of two", lambda m, x: torch.maximum(m.fc(x), x), layers=lambda: {"fc": nn.Linear(3, 3, output=F(6, 3))}
    ),
    constants("the smaller of a value and one of each row", lambda _, x: torch.minimum(x[:, :, :1], x), (2, 3)),
    case("a value from itself", add(F(4, 2), -1)),
    case("residual", add(F(8, 3)), (), LONG, shape=(6,)),
    case("residual, the long branch first", add(F(8, 3), -1), LONG, (), shape=(6,)),
    case("residual with a relu", add(F(8, 3)), (), LONG, Clamp(0, 127), shape=(6,)),
    case("residual with bounds", add(F(8, 3), -1), (), LONG, Clamp(-37, 90), shape=(6,)),
    case("two tables", add(F(8, 5)), (table(),), (table(F(5, 2)),), shape=(3,)),
    case("of images", add(F(8, 5)), (Clamp(0, 90),), (quantize(F(6, 1)),), shape=(2, 3)),
    case("of a flat image", add(F(8, 5)), (Reshape((6,)), linear(6, 6)), (Reshape((6,)),), shape=(2, 3)),
    *(
        case(f"{rounding} {overflow} {sign:+d}", add(F(5, 1), sign, rounding, overflow), (quantize(F(7, 5)),), shape=(3,))
        for rounding in DETERMINISTIC
        for overflow in Overflow
        for sign in (1, -1)
    ),
    *(
        case(f"{output}", add(output), (quantize(first),), (quantize(second),), entry=F(8, 3), shape=(3,))
        for output, first, second in (
            (F(10, 3), F(8, 3), F(6, 1)),
            (F(12, 7), F(8, 6), F(3, 0)),
            (F(6, 2, signed=False), F(5, 2, signed=False), F(7, 4)),
            (F(8, 2, signed=False), F(7, 2, signed=False), F(7, 4, signed=False)),
            (F(5, 1, symmetric=True), F(6, 2, symmetric=True), F(8, 3)),
            (F(4, -6), F(8, -3), F(8, 3)),
            (F(1, 0), F(1, 0), F(1, 0)),
            (F(40, 30), F(20, 5), F(30, 25)),
        )
    ),
    case("operands of small bounds", add(F(3, 4)), (Clamp(0, 1),), (Clamp(-1, 0),), shape=(3,)),
    GraphCase("nested", nested),
    GraphCase("ends of a chain", ends),
    GraphCase("nested, fast", nested, {"parallelism": 5}),
    GraphCase("nested, all at once", nested, {"parallelism": "full-lanes"}),
    case("residual, all at once", add(F(8, 3)), (), LONG, shape=(6,), options={"parallelism": "full-lanes"}),
    case("residual, six cycles", add(F(8, 3)), (), LONG, shape=(6,), options={"parallelism": 6}),
    case("residual, lanes", add(F(8, 3)), (), LONG, shape=(6,), options={"lanes": {"b.0": [2, 3], "join": 4}}),
    case("residual, wide and slow", add(F(8, 3)), (), LONG, shape=(6,), options={"lanes": {"join": 6}, "pipelining": True}),
    case("residual, packed", add(F(8, 3)), (), LONG, shape=(6,), options={"target": "xc7a35t", "parallelism": 9}),
    case("lanes that do not divide", add(F(8, 3), -1), (quantize(F(6, 2)),), (), shape=(7,), options={"lanes": {"join": 3}}),
    Case(
        "nn.Add of a layer", lambda: Residual(F(8, 4), sequential(nn.Linear(6, 6), nn.ReLU()), nn.Add(F(7, 3)), nn.ReLU()), (6,)
    ),
    *(
        Case(
            f"a bias for a {name}",
            lambda kind=kind, size=size: Residual(F(6, 3), torch.nn.AdaptiveMaxPool2d(size), kind(F(6, 3))),
            (2, 3, 4),
        )
        for name, kind, size in (("frame", nn.Add, 1), ("row", nn.Subtract, (3, 1)), ("column", nn.Add, (1, 4)))
    ),
    Case("nn.Subtract of a table", lambda: Residual(F(8, 4), nn.Sigmoid(F(7, 6)), nn.Subtract(F(7, 3))), (5,)),
    Case("plain sum and a layer", lambda: Residual(F(8, 4), nn.Linear(6, 6), torch.add, nn.Linear(6, 2)), (6,)),
    Case(
        "plain difference and a change of format",
        lambda: Residual(F(8, 4), nn.Linear(6, 6), torch.sub, nn.Quantize(F(6, 1))),
        (6,),
    ),
    *(
        Case(
            f"residual of images, {options}",
            lambda: Residual(
                F(6, 3), nn.Conv2d(2, 2, 3, padding=1, weight=F(5, 4), output=F(6, 3)), nn.Add(F(6, 3)), nn.ReLU()
            ),
            (2, 4, 3),
            options,
        )
        for options in ({}, {"parallelism": 110}, {"parallelism": "full-lanes"})
    ),
    *(
        Case(
            f"arbitrary scales, {mode}",
            lambda kind=kind, mode=mode: creator.convert(
                Residual(Affine(0.1, 3, 6), nn.Quantize(Affine(0.037, -9, 7)), kind(Affine(0.12, 4, 6), mode), nn.ReLU())
            ),
            (5,),
        )
        for mode, kind in zip(DETERMINISTIC, (nn.Add, nn.Subtract, nn.Add, nn.Subtract, nn.Add), strict=True)
    ),
    Case(
        "arbitrary scales around a layer, to fixed point",
        lambda: creator.convert(
            Residual(
                Affine(0.1, 30, 6, False),
                nn.Linear(4, 4, weight=Affine(0.01), output=Affine(0.02, 7)),
                nn.Add(F(6, 3), multiplier_bits=7),
                nn.Linear(4, 2, weight=F(4, 3), output=F(6, 2)),
            )
        ),
        (4,),
    ),
]

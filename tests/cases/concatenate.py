"""Concatenation along the last axis and others, run after run and whole runs at once."""

from __future__ import annotations

from typing import Any

import torch

from creator import FixedPoint, Graph, nn
from creator.affine import Affine
from creator.graph import Builder
from creator.ops import Clamp, Concatenate, Op, Slice, TensorType
from tests.cases import Case, GraphCase, Residual, constants
from tests.graph.branches import joined
from tests.graph.chains import linear, quantize, rescale, table

F = FixedPoint


def case(name: str, axis: int, first: tuple[Op, ...] = (), second: tuple[Op, ...] = (), *after: Op, **kwargs: Any) -> GraphCase:
    options = kwargs.pop("options", {})
    return GraphCase(name, lambda: joined(Concatenate(axis), first, second, *after, **kwargs), options)


def dense() -> Graph:
    """Each layer reads all that came before it."""
    builder = Builder(TensorType((3,), F(8, 4)))
    current = builder.input
    for index, size in enumerate((3, 5, 7)):
        layer = builder.add(linear(size, 2, seed=index), current, (f"layer.{index}",))
        current = builder.add(Concatenate(0), (current, layer), (f"cat.{index}",))
    return builder.graph(current)


def exchanged(axis: int, at: int) -> Graph:
    """The parts of a value before and after an index, exchanged."""
    builder = Builder(TensorType((2, 3, 4), F(8, 4)))
    size = builder.input_type.shape[axis]
    low = builder.add(Slice(axis, 0, at), builder.input, ("low",))
    high = builder.add(Slice(axis, at, size), builder.input, ("high",))
    return builder.graph(builder.add(Concatenate(axis), (high, low), ("exchanged",)))


def scaled() -> torch.nn.Module:
    """A value and a layer of two arbitrary scales, joined in a third one, as ``creator.convert`` would leave it."""
    entry, output = Affine(0.06, 3, 8), Affine(0.11, -5, 7)
    model = Residual(entry, nn.Linear(4, 3, weight=Affine(0.02, 0, 6), output=output), nn.Concatenate(1, Affine(0.13, 1, 6)))
    model.body.input_format, model.join.input_formats = entry, (output, entry)  # type: ignore[attr-defined]
    return model


def mixed() -> torch.nn.Module:
    """A value with an arbitrary scale and a fixed-point one, joined in a fixed-point format."""
    entry, output = F(6, 3), Affine(0.11, -5, 7)
    layer = nn.Linear(4, 3, weight=F(4, 3), output=output)
    model = Residual(entry, layer, nn.Concatenate(1, F(5, 2), rounding="floor"))
    model.body.input_format, model.join.input_formats = entry, (output, entry)  # type: ignore[attr-defined]
    return model


CASES = [
    case("a value with itself", 0),
    case("so much of a value with itself that it waits in block RAM", 0, shape=(140,)),
    case("with a layer behind", 0, (), (linear(4, 3),)),
    case("with a layer in front", 0, (linear(4, 3),), ()),
    case("of tables", 0, (table(),), (table(F(7, 6)), Clamp(0, 63)), shape=(3,)),
    case("and a relu", 0, (quantize(F(6, 2)),), (quantize(F(6, 2)),), Clamp(0, 20)),
    case("and a layer", 0, (quantize(F(6, 2)),), (quantize(F(6, 2)),), linear(8, 3, entry=F(6, 2))),
    constants(
        "a stack behind the channels",
        lambda m, x: torch.stack((x, m.conv(x), x), -1),
        (2, 3),
        lambda: {"conv": nn.Conv1d(2, 2, 1, output=F(8, 3))},
    ),
    constants("a stack of rows", lambda _, x: torch.stack((x, x * 2), 1)),
    case("of one element each", 0, shape=(1,)),
    case("of channels", 1, (quantize(F(6, 2)),), (quantize(F(6, 2)), Clamp(0, 9)), shape=(3, 2)),
    case("of one channel each", 1, shape=(5, 1)),
    case("of rows", 0, shape=(2, 3)),
    case("of columns", 1, (Clamp(0, 9),), (), shape=(2, 3, 2)),
    case("between arbitrary scales", 0, (rescale([3], 2, Affine(0.1, 3, 8)),), (rescale([5], 2, Affine(0.1, 3, 8)),)),
    GraphCase("dense", dense),
    GraphCase("dense, ten cycles", dense, {"parallelism": 10}),
    GraphCase("dense, all at once", dense, {"parallelism": "full-lanes"}),
    *(
        GraphCase(f"exchanged along {axis} at {at}, {options}", lambda axis=axis, at=at: exchanged(axis, at), options)
        for axis, at in ((0, 1), (1, 1), (2, 2), (2, 1))
        for options in ({}, {"parallelism": 5}, {"parallelism": "full-lanes"})
    ),
    case("two elements at a time", 0, (), (linear(4, 3),), options={"lanes": {"join": 2}}),
    case("four and then three", 0, (), (linear(4, 5),), options={"lanes": {"join": [4, 4]}}),
    case("runs of two channels", 1, shape=(3, 4), options={"lanes": {"join": 2}}),
    case("whole runs", 1, (), (Slice(1, 0, 1),), shape=(3, 4), options={"lanes": {"join": [4, 5]}}),
    case("two whole runs, and one", 1, (), (Slice(1, 0, 1),), shape=(3, 4), options={"lanes": {"join": [8, 10]}}),
    Case("nn.Concatenate", lambda: Residual(F(8, 4), nn.Linear(5, 3, output=F(8, 4)), nn.Concatenate(), nn.Linear(8, 2)), (5,)),
    Case(
        "formats that differ",
        lambda: Residual(F(8, 4), nn.Linear(5, 3, output=F(6, 5)), nn.Concatenate(), nn.Linear(8, 2)),
        (5,),
    ),
    Case(
        "of an unsigned format and a coarser one",
        lambda: Residual(F(5, 2, signed=False), nn.Conv1d(2, 2, 1, output=F(6, -1)), nn.Concatenate()),
        (2, 3),
    ),
    Case(
        "brought to one format",
        lambda: Residual(
            F(8, 4), nn.Linear(5, 3, output=F(9, 6)), nn.Concatenate(1, F(6, 3), rounding="half_up"), nn.Linear(8, 2)
        ),
        (5,),
    ),
    Case(
        "brought to one format, wrapping, of rows",
        lambda: Residual(F(8, 4), nn.Conv2d(1, 1, 1, output=F(9, 6)), nn.Concatenate(-2, F(5, 4), overflow="wrap")),
        (1, 2, 3),
    ),
    Case("brought to one arbitrary scale", lambda: scaled(), (4,)),
    Case("an arbitrary scale and a fixed-point format, brought to another", lambda: mixed(), (4,)),
    Case(
        "of channels of images",
        lambda: Residual(F(6, 3), nn.Conv2d(2, 3, 3, padding=1, weight=F(5, 4), output=F(6, 3)), nn.Concatenate(), nn.ReLU()),
        (2, 3, 4),
    ),
]

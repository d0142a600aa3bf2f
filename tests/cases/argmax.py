"""The index of the largest element: sizes, formats, ties, rows, lanes that divide and that do not."""

from __future__ import annotations

from typing import Any

import torch

from creator import FixedPoint, nn
from creator.affine import Affine
from creator.ops import ArgMax, Reshape
from tests.cases import Case, GraphCase, sequential
from tests.graph.chains import chain

F = FixedPoint
IN = F(8, 4)
TIES = F(2, 0)  # so few codes that nearly every sample has equal elements


def flat(name: str, size: int, lanes: int = 1, entry: FixedPoint = IN, **options: Any) -> Case:
    make = lambda: sequential(nn.Quantize(entry), nn.ArgMax())  # noqa: E731
    return Case(name, make, (size,), {"lanes": {"1": lanes}, **options})


def rows(name: str, shape: tuple[int, ...], lanes: int = 1, entry: FixedPoint = TIES) -> Case:
    return Case(name, lambda: sequential(nn.Quantize(entry), nn.ArgMax()), shape, {"lanes": {"1": lanes}})


CASES = [
    flat("ten", 10),
    flat("one element", 1),
    flat("two", 2),
    flat("two in one beat", 2, 2),
    flat("ties", 7, entry=TIES),
    flat("1 bit", 9, entry=F(1, 0)),
    flat("1 bit unsigned", 9, 4, entry=F(1, 0, signed=False)),
    flat("unsigned", 6, entry=F(8, 4, signed=False)),
    flat("unsigned by pairs", 6, 3, entry=F(3, 1, signed=False)),
    flat("symmetric", 6, 2, entry=F(3, 1, symmetric=True)),
    flat("wide", 5, 2, entry=F(24, 12)),
    *(flat(f"13 ties, {lanes} lanes", 13, lanes, entry=TIES) for lanes in (2, 3, 4, 5, 6, 7, 8, 11, 12, 13)),
    flat("16, 4 lanes", 16, 4, entry=TIES),
    flat("17, 8 lanes", 17, 8, entry=F(3, 0)),
    flat("all at once", 16, 16, entry=TIES),
    rows("rows", (3, 5)),
    rows("rows of one", (4, 1)),
    rows("rows of one, several in a beat", (5, 1), 3),
    rows("rows, part of one in a beat", (3, 6), 2),
    rows("rows, half of one in a beat", (2, 2, 6), 3),
    rows("rows, a whole one in a beat", (3, 5), 5),
    rows("rows, two in a beat", (3, 5), 10),
    rows("rows, all in a beat", (3, 4), 12),
    Case("the axis stays", lambda: sequential(nn.Quantize(TIES), nn.ArgMax(1, keepdim=True)), (7,)),
    Case("the axis of rows stays", lambda: sequential(nn.Quantize(TIES), nn.ArgMax(2, keepdim=True)), (3, 4)),
    Case("a classifier", lambda: sequential(nn.Quantize(IN), nn.Linear(6, 5), nn.ArgMax()), (6,)),
    Case("a classifier in lanes", lambda: sequential(nn.Quantize(IN), nn.Linear(6, 5), nn.ArgMax()), (6,),
         {"lanes": {"1": [2, 3], "2": 2}}),
    Case("a classifier at once", lambda: sequential(nn.Quantize(IN), nn.Linear(4, 3), nn.ArgMax()), (4,),
         {"parallelism": "full-lanes"}),
    Case("a limit and a table after it", lambda: sequential(
        nn.Quantize(TIES), nn.ArgMax(), nn.HardTanh(1, 3), torch.nn.Unflatten(1, (3, 1)), nn.Sigmoid()), (3, 5)),
    GraphCase("an arbitrary scale", lambda: chain(Reshape((4,)), ArgMax(), shape=(2, 2), entry=Affine(0.3, 5, 3, False))),
]  # fmt: skip

"""Softmax: sizes, formats, tables that end early and late, results that saturate, rows, lanes that do not divide."""

from __future__ import annotations

import numpy as np
import torch

from creator import FixedPoint, nn
from creator.affine import Affine
from creator.ops import Softmax
from tests.cases import Case, GraphCase, sequential
from tests.graph.chains import chain

F = FixedPoint
IN = F(8, 4)
U8 = F(8, 8, signed=False)


def end(name: str, shape: tuple[int, ...], lanes: int = 1, entry: FixedPoint = IN, output: FixedPoint = U8) -> Case:
    make = lambda: sequential(nn.Quantize(entry), nn.Softmax(output=output))  # noqa: E731
    return Case(name, make, shape, {"lanes": {"1": lanes}})


def table(
    name: str, entries: list[int], output: FixedPoint, shape: tuple[int, ...], lanes: int, entry: object = IN
) -> GraphCase:
    return GraphCase(
        name, lambda: chain(Softmax(np.array(entries), output), shape=shape, entry=entry), {"lanes": {"layer.0": lanes}}
    )


CASES = [
    end("ten", (10,)),
    end("one element", (1,)),
    end("two", (2,)),
    end("two at once", (2,), 2),
    end("one bit", (5,), entry=F(1, 0)),
    end("unsigned", (5,), 2, F(6, 3, signed=False)),
    end("symmetric", (5,), 5, F(4, 1, symmetric=True)),
    end("a range shorter than the table", (4,), 1, F(4, 4)),
    end("a coarse step, most entries zero", (4,), 3, F(8, 0)),
    end("a step so coarse that one entry is left", (3,), 1, F(8, -4)),
    end("a deep table", (3,), 2, F(12, 8)),
    end("16 bits", (4,), 1, F(16, 7)),
    end("a result that holds one", (4,), 2, output=F(9, 8, signed=False)),
    end("a signed result that saturates", (4,), output=F(8, 7)),
    end("a signed result with room", (4,), output=F(12, 8)),
    end("a result far too narrow", (4,), 2, output=F(3, 6, signed=False)),
    end("no fractional bits", (3,), output=F(1, 0, signed=False)),
    end("one fractional bit", (3,), 3, output=F(1, 1, signed=False)),
    end("no code above zero", (4,), output=F(1, 3)),
    end("16 fractional bits", (4,), 3, output=F(16, 16, signed=False)),
    *(end(f"11 in {lanes} lanes", (11,), lanes) for lanes in (2, 3, 4, 6, 7, 10, 11)),
    end("a row of 16 beats", (16,)),
    end("a row of 17 beats", (33,), 2),
    end("rows", (3, 5)),
    end("rows of one", (4, 1)),
    end("rows, half of one in a beat", (2, 2, 6), 3),
    end("rows, a whole one in a beat", (3, 4), 4),
    Case("another axis", lambda: sequential(nn.Quantize(IN), nn.Softmax(1)), (3, 4)),
    Case("a classifier", lambda: sequential(nn.Quantize(IN), nn.Linear(6, 5), nn.Softmax()), (6,)),
    Case("a classifier at once", lambda: sequential(nn.Quantize(IN), nn.Linear(4, 3), nn.Softmax()), (4,),
         {"parallelism": "full-lanes"}),
    Case("a classifier in few cycles", lambda: sequential(nn.Quantize(IN), nn.Linear(5, 7), nn.Softmax()), (5,),
         {"parallelism": 5}),
    Case("layers after it", lambda: sequential(
        nn.Quantize(IN), nn.Softmax(), nn.Linear(5, 3), torch.nn.ReLU(), nn.Softmax(), nn.ArgMax()), (5,)),
    table("a table that is no exponential", [7, 0, 7, 3, 1], F(5, 4, signed=False), (7,), 2, F(3, 0)),
    table("a table longer than the range", [5, 4, 3, 2, 1], F(4, 4, signed=False), (3,), 2, F(1, 0)),
    table("ones", [1], F(6, 6, signed=False), (9,), 4, F(2, 0)),
    table("ties of the division", [1, 1, 1, 1], F(3, 1, signed=False), (4,), 1, F(2, 0)),
    table("an arbitrary scale", [9, 4, 2, 1], F(6, 6, signed=False), (2, 3), 3, Affine(0.3, 5, 3, False)),
]  # fmt: skip

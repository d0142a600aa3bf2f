"""Piecewise polynomials: the functions that creator knows and given ones, degrees, widths, signs, limits."""

from __future__ import annotations

import math

import torch

from creator import FixedPoint, Rounding, nn
from creator.ops import Clamp
from tests.cases import Case, GraphCase, sequential
from tests.graph.chains import chain, polynomial

F = FixedPoint
NEAREST = [Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.HALF_AWAY]
ENTRY = F(8, 4)


def known(name: str, entry: FixedPoint, *layers: torch.nn.Module, shape: tuple[int, ...] = (4,), **options: object) -> Case:
    return Case(name, lambda: sequential(nn.Quantize(entry), *layers), shape, options)


def case(name: str, *ops: object, shape: tuple[int, ...] = (4,), entry: FixedPoint = ENTRY, **options: object) -> GraphCase:
    return GraphCase(name, lambda: chain(*ops, shape=shape, entry=entry), options)


WIDE = F(16, 12)
CASES = [
    known("sigmoid", WIDE, nn.Sigmoid(F(16, 16, signed=False), input=WIDE)),
    known("sigmoid of 18 bits", F(18, 14), nn.Sigmoid(F(12, 12, signed=False), input=F(18, 14))),
    known("tanh", F(14, 11), nn.Tanh(F(14, 13), input=F(14, 11))),
    known("silu", F(13, 9), nn.SiLU(F(13, 9), input=F(13, 9))),
    known("gelu", F(14, 10), nn.GELU(output=F(12, 8), input=F(14, 10))),
    known("exp, saturating", F(14, 10), nn.Exp(F(12, 6, signed=False), input=F(14, 10))),
    known("softplus", F(13, 9), nn.Softplus(output=F(12, 8, signed=False), input=F(13, 9), rounding="half_up")),
    known("elu", F(15, 11), nn.ELU(output=F(12, 8), input=F(15, 11), rounding="half_away")),
    known("hard swish", F(13, 9), nn.HardSwish(F(13, 9), input=F(13, 9))),
    known("hard sigmoid", WIDE, nn.HardSigmoid(F(12, 10), input=WIDE)),
    known("a given function of unsigned values", F(14, 11, signed=False), nn.Lookup(math.sqrt, F(10, 6),
          input=F(14, 11, signed=False))),
    known("a given function, symmetric", F(13, 11, symmetric=True), nn.Lookup(torch.sin, F(14, 13, symmetric=True),
          input=F(13, 11, symmetric=True))),
    known("an input of 12 bits is a table", F(12, 8), nn.Tanh(input=F(12, 8)), nn.Tanh(F(14, 12)),
          nn.Tanh(F(10, 8), input=F(14, 12))),
    known("between layers", F(8, 4), nn.Linear(4, 3, output=F(16, 12)), nn.Tanh(F(8, 7), input=F(16, 12)), nn.Linear(3, 2)),
    known("three lanes", F(13, 9), nn.SiLU(F(10, 6), input=F(13, 9)), shape=(5,), lanes={"1": (3, 3)}),
    known("all lanes", F(13, 9), nn.SiLU(F(10, 6), input=F(13, 9)), shape=(3,), parallelism="full-lanes"),
    *(case(f"{mode}, degree 1", polynomial(8, 8, (9, 6), F(8, 0), mode)) for mode in NEAREST),
    *(case(f"{mode}, degree 2", polynomial(8, 8, (9, 6, 7), F(8, 0), mode)) for mode in NEAREST),
    case("floor", polynomial(8, 4, (9, 6, 7), F(8, 0), Rounding.FLOOR)),
    case("toward zero", polynomial(8, 4, (9, 6, 7), F(8, 0), Rounding.TOWARD_ZERO)),
    case("two segments", polynomial(8, 2, (9, 6), F(8, 0))),
    case("one bit of offset", polynomial(4, 8, (9, 6, 7), F(8, 0)), entry=F(4, 0)),
    case("unsigned", polynomial(8, 16, (9, 6, 7), F(8, 0, signed=False)), entry=F(8, 0, signed=False)),
    case("2048 segments", polynomial(13, 2048, (9, 6), F(8, 0)), entry=F(13, 0)),
    case("wide values", polynomial(12, 16, (30, 25, 27), F(24, 0)), entry=F(12, 0), shape=(2,)),
    case("wide values and offsets", polynomial(20, 2, (20, 18), F(16, 0)), entry=F(20, 0), shape=(2,)),
    case("coefficients of one bit", polynomial(8, 8, (1, 1, 1), F(2, 0))),
    case("a clamp after it", polynomial(8, 8, (9, 6), F(8, 0)), Clamp(-3, 40)),
    case("two in a row", polynomial(8, 8, (9, 6), F(6, 0)), polynomial(6, 4, (7, 5, 3), F(7, 0)), shape=(2, 3)),
]  # fmt: skip

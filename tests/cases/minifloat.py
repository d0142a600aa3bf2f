"""Floating-point outputs: formats, grids finer and coarser than the input's, every rounding, signs, limits, lanes."""

from __future__ import annotations

from typing import Any

import torch

from creator import FixedPoint, Rounding, nn
from creator.ops import Clamp, Minifloat
from creator.quantize import E2M1, E3M2, E4M3, E5M2, MXFP4, BlockQuantizer, Float, FloatQuantizer
from tests.cases import Case, GraphCase, sequential
from tests.graph.chains import chain, linear

F = FixedPoint
DETERMINISTIC = [mode for mode in Rounding if mode is not Rounding.STOCHASTIC]


def change(name: str, entry: FixedPoint, fmt: Float, *after: torch.nn.Module, n: int = 4, **options: Any) -> Case:
    return Case(name, lambda: sequential(nn.Quantize(entry), nn.Quantize(FloatQuantizer(fmt)), *after), (n,), options)


def op(output: FixedPoint, mantissa: int, rounding: Rounding, most: int, least: int | None = None) -> Minifloat:
    return Minifloat(output, mantissa, rounding, -most if least is None else least, most)


def case(name: str, *ops: object, entry: FixedPoint, **options: Any) -> GraphCase:
    return GraphCase(name, lambda: chain(*ops, shape=(4,), entry=entry), options)


def scaled(factor: float, *rest: Any, **options: Any) -> nn.Linear:
    layer = nn.Linear(*rest, **options)
    with torch.no_grad():
        layer.weight.mul_(factor)
    return layer


CASES = [
    change("E4M3", F(20, 12), E4M3),
    change("E4M3 of few bits", F(5, 3), E4M3),
    change("E4M3 of values that fit", F(4, 1), E4M3),
    change("E4M3 of coarse values", F(12, 1), E4M3),
    change("E4M3 of unsigned values", F(16, 8, signed=False), E4M3),
    change("E4M3 of very fine values", F(12, 20), E4M3),
    change("E4M3 of values that all become zero", F(6, 26), E4M3),
    change("E5M2", F(26, 18), E5M2),
    change("E3M2", F(14, 7), E3M2),
    change("E2M1", F(9, 5), E2M1),
    change("a mantissa of no bits", F(12, 6), Float(4, 0)),
    change("between two floating-point formats", F(20, 12), E4M3, nn.Quantize(FloatQuantizer(E2M1, 8.0))),
    change("E4M3 and ReLU", F(16, 10), E4M3, nn.ReLU()),
    change("E4M3 and limits between its numbers", F(16, 10), E4M3, nn.HardTanh(-0.501953125, 3.3125)),
    change("E4M3, 3 lanes", F(16, 10), E4M3, n=5, lanes={"1": (3, 3)}),
    change("E4M3, all lanes", F(16, 10), E4M3, n=3, parallelism="full-lanes"),
    Case("a linear layer", lambda: sequential(nn.Quantize(F(8, 4)), scaled(60.0, 6, 5, output=FloatQuantizer(E4M3))), (6,)),
    Case(
        "layers whose weights and outputs are E4M3",
        lambda: sequential(
            nn.Quantize(F(8, 4)),
            scaled(20.0, 6, 5, weight=FloatQuantizer(E4M3), output=FloatQuantizer(E4M3)),
            nn.ReLU(),
            scaled(9.0, 5, 4, weight=BlockQuantizer(MXFP4, 1), output=FloatQuantizer(E4M3)),
            nn.Linear(4, 3, weight=FloatQuantizer(E4M3), output=F(10, 2)),
        ),
        (6,),
    ),
    Case(
        "a convolution and a pool",
        lambda: sequential(
            nn.Quantize(F(8, 4)), nn.Conv1d(2, 3, 3, padding=1, output=FloatQuantizer(E4M3)), torch.nn.MaxPool1d(2)
        ),
        (2, 6),
    ),
    *(case(f"{mode}", op(F(10, 2, symmetric=True), 2, mode, 448), entry=F(12, 5)) for mode in DETERMINISTIC),
    *(case(f"{mode}, a finer output", op(F(11, 7, symmetric=True), 1, mode, 768), entry=F(8, 5)) for mode in DETERMINISTIC),
    *(case(f"{mode}, unsigned", op(F(10, 3), 2, mode, 448), entry=F(10, 6, signed=False)) for mode in DETERMINISTIC),
    *(case(f"{mode}, all dropped", op(F(6, 0), 1, mode, 24), entry=F(6, 9)) for mode in DETERMINISTIC),
    *(case(f"{mode}, none dropped", op(F(9, 2), 6, mode, 200), entry=F(6, 2)) for mode in DETERMINISTIC),
    case("limits of one sign", op(F(10, 2), 2, Rounding.HALF_EVEN, 448, 20), entry=F(12, 5)),
    case("limits below zero", op(F(10, 2), 2, Rounding.HALF_EVEN, -7, -448), entry=F(12, 5)),
    case("sums of few bits, and a clamp", linear(output=F(52, 8)), op(F(9, 5), 1, Rounding.HALF_EVEN, 192), Clamp(-5, 100),
         entry=F(8, 4)),
]  # fmt: skip

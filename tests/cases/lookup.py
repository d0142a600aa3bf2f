"""Tables: known and given functions, widths, signs, rounding, and several in a row."""

from __future__ import annotations

import math

import torch

import creator
from creator import Affine, FixedPoint, Overflow, Rounding, nn
from tests.cases import Case, sequential

F = FixedPoint


def table(name: str, entry: FixedPoint | Affine, *layers: torch.nn.Module) -> Case:
    return Case(name, lambda: sequential(nn.Quantize(entry), *layers), (4,))


CASES = [
    table("sigmoid", F(8, 4), nn.Sigmoid()),
    table("tanh", F(8, 4), nn.Tanh()),
    table("silu", F(8, 4), nn.SiLU()),
    table("silu of 12 bits", F(12, 8), nn.SiLU(F(16, 11))),
    table("gelu", F(8, 4), nn.GELU()),
    table("gelu by tanh", F(8, 5), nn.GELU("tanh", F(9, 6), rounding="floor")),
    table("elu", F(7, 3), nn.ELU(1.5, F(6, 3))),
    table("elu, negative alpha", F(6, 3), nn.ELU(-0.5, F(8, 5), rounding="half_up")),
    table("softplus", F(8, 4), nn.Softplus()),
    table("softplus with a threshold", F(7, 3), nn.Softplus(2.0, 3.0, F(8, 5))),
    table("mish", F(8, 4), nn.Mish()),
    table("selu", F(6, 3), nn.SELU(F(8, 5))),
    table("tanh shrink", F(6, 3), nn.TanhShrink(F(8, 5))),
    table("hard shrink", F(6, 3), nn.HardShrink(0.75, F(6, 3))),
    table("exp", F(7, 4), nn.Exp()),
    table("exp, wrapping", F(6, 2), nn.Exp(F(5, 2), overflow="wrap")),
    table("hard sigmoid", F(8, 4), nn.HardSigmoid()),
    table("hard swish", F(8, 4), nn.HardSwish()),
    table("leaky relu", F(8, 4), nn.LeakyReLU(0.2, F(9, 7), rounding="half_away")),
    table("1 bit", F(1, 0), nn.Sigmoid(F(2, 1, signed=False))),
    table("unsigned", F(6, 4, signed=False), nn.Tanh(F(6, 5))),
    table("symmetric", F(5, 3, symmetric=True), nn.Tanh(F(5, 4, symmetric=True))),
    table("erf from math", F(7, 4), nn.Lookup(math.erf, F(9, 8))),
    table("square, saturating", F(6, 2), nn.Lookup(lambda x: x * x, F(6, 1))),
    table("square, wrapping, floor", F(6, 2), nn.Lookup(lambda x: x * x, F(5, 1), Rounding.FLOOR, Overflow.WRAP)),
    table("ties up", F(5, 3), nn.Lookup(lambda x: x / 2, F(5, 3), Rounding.HALF_UP)),
    table("ties even", F(5, 3), nn.Lookup(lambda x: x / 2, F(5, 3))),
    table("odd", F(6, 2), nn.Tanh(F(8, 7))),
    table("odd about a half, saturating", F(6, 2), nn.Sigmoid()),
    table("odd, signed sigmoid", F(6, 2), nn.Sigmoid(F(9, 7))),
    table("odd, deep", F(12, 8), nn.Sigmoid(F(12, 12, signed=False))),
    table("odd, 12 bits", F(12, 8), nn.Tanh(F(12, 11))),
    table("even", F(6, 2), nn.Lookup(lambda x: x * x, F(9, 2))),
    table("even, wrapping", F(6, 1), nn.Lookup(lambda x: x * x, F(9, 3), overflow="wrap")),
    table("lines at both ends, deep", F(12, 8), nn.GELU(output=F(12, 8))),
    table("lines at both ends", F(7, 1), nn.SiLU(F(9, 3))),
    table("a line to a narrow output", F(7, 2), nn.Softplus(output=F(7, 3, signed=False))),
    table("constants at both ends", F(9, 2), nn.Tanh(F(6, 5))),
    table("a constant above unsigned values", F(8, 2, signed=False), nn.Tanh(F(6, 5))),
    table("a line above unsigned values", F(7, 1, signed=False), nn.Mish(F(9, 2))),
    table("constant", F(8, 2), nn.Lookup(lambda x: 0 * x + 0.5, F(9, 2))),
    table("identity", F(8, 2), nn.Lookup(lambda x: x, F(12, 4))),
    table("after relu", F(6, 2), nn.Linear(4, 3, output=F(6, 2)), nn.ReLU(), nn.Tanh(F(9, 8))),
    table("of few codes", F(8, 2), nn.HardTanh(-1, 2), nn.Tanh(F(9, 8))),
    table("of one code", F(8, 2), nn.HardTanh(-0.25, 0.25), nn.Quantize(F(8, 0), rounding="floor"), nn.ReLU(),
          nn.Sigmoid(F(9, 8))),
    Case("odd, three lanes", lambda: sequential(nn.Quantize(F(6, 2)), nn.Sigmoid()), (5,), {"lanes": {"1": (3, 3)}}),
    Case("lines, two lanes", lambda: sequential(nn.Quantize(F(7, 1)), nn.SiLU(F(9, 3))), (5,), {"lanes": {"1": (2, 2)}}),
    Case("of few codes, two lanes", lambda: sequential(
        nn.Quantize(F(8, 2)), nn.HardTanh(-1, 2), nn.Tanh(F(9, 8))), (5,), {"lanes": {"2": (2, 2)}}),
    table("three in a row", F(5, 2), nn.Sigmoid(F(6, 6, signed=False)), nn.Tanh(F(4, 3)), nn.SiLU(F(7, 5))),
    table("arbitrary scales", Affine(0.05, 100, 8, False), nn.Tanh(Affine(1 / 128, 128, 8, False))),
    table("arbitrary scales, symmetric, floor", Affine(0.3, 0, 5, symmetric=True),
          nn.Sigmoid(Affine(0.003, -128), rounding="floor")),
    table("saturating at both ends of an arbitrary scale", Affine(0.1, 9, 6), nn.Lookup(math.sinh, Affine(0.1, 3, 5))),
    Case("between layers of arbitrary scales", lambda: creator.convert(sequential(
        nn.Quantize(Affine(0.1, 9, 6)), nn.Linear(5, 4, weight=Affine(0.01), output=Affine(0.02, 77, 8, False)),
        nn.Lookup(torch.nn.functional.hardswish, Affine(0.03, 12, 8, False)), nn.Linear(4, 3))), (5,)),
    Case("between linear layers", lambda: sequential(
        nn.Quantize(F(8, 4)), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3), nn.Sigmoid()), (5,)),
]  # fmt: skip

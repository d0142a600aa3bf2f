"""Fully connected layers: sizes, widths, grids, every rounding and overflow, bias, normalisation, merged clamps, lanes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from creator import FixedPoint, Overflow, Rounding, nn
from creator.quantize import BFP16, E2M1, E4M3, E5M2, MXFP4, MXFP8_E4M3, BlockQuantizer, FloatQuantizer, Microscaling
from creator.quantize.float_quantizer import OwnRounding
from tests.cases import Case, GraphCase, sequential
from tests.graph import chains

F = FixedPoint
IN = F(8, 4)
DETERMINISTIC = [mode for mode in Rounding if mode is not Rounding.STOCHASTIC]


def filled(layer: nn.Linear, weight: float, bias: float | None = None) -> nn.Linear:
    torch.nn.init.constant_(layer.weight, weight)
    if bias is not None:
        torch.nn.init.constant_(layer.bias, bias)
    return layer


def scaled(layer: nn.Linear, factor: float) -> nn.Linear:
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(factor)
    return layer


def one(name: str, n: int, m: int, *after: torch.nn.Module, entry: FixedPoint = IN, gain: float = 1.0, **kwargs: Any) -> Case:
    return Case(name, lambda: sequential(nn.Quantize(entry), scaled(nn.Linear(n, m, **kwargs), gain), *after), (n,))


def lanes(case: Case, *each: list[int], **options: Any) -> Case:
    """``case``, whose linear layers have ``each`` ``[inputs, outputs]`` a cycle."""
    layers = [name for name, layer in case.model().named_children() if isinstance(layer, nn.Linear)]
    return replace(case, options={"lanes": dict(zip(layers, each, strict=True)), **options})


def spread(weight: OwnRounding, m: int = 4, n: int = 20, **kwargs: Any) -> Case:
    """Weights in a format of ``weight`` that become smaller from input to input, and in the second row larger."""

    def make() -> torch.nn.Module:
        layer = nn.Linear(n, m, weight=weight, **kwargs)
        with torch.no_grad():
            layer.weight.mul_(2.0 ** -torch.arange(float(n)))
            layer.weight[1:2].mul_(2.0**16)
        return sequential(nn.Quantize(IN), layer)

    return Case(f"weights of all sizes, {weight.name}", make, (n,))


def normalised() -> torch.nn.Module:
    model = sequential(nn.Quantize(IN), nn.Linear(6, 5, bias=F(10, 6)), nn.BatchNorm1d(5), nn.ReLU())
    for _ in range(20):
        model(torch.randn(32, 6) * 3)
    with torch.no_grad():
        model[2].weight.copy_(torch.tensor([1.0, -0.5, 0.0, 3.0, 0.25]))
        model[2].bias.copy_(torch.tensor([0.5, -0.5, 1.25, 0.0, 9.0]))
    return model


PACKED = {"target": "xc7a35t", "packing": True}  # its multipliers hold two products of 8 bits

CASES = [
    one("1x1", 1, 1),
    one("1x7", 1, 7),
    one("7x1", 7, 1, gain=3),
    one("13x11", 13, 11),
    one("16x16", 16, 16),
    one("33x3 no bias", 33, 3, bias=False),
    one("8x5 no bias", 8, 5, bias=False),
    one("2x5, rows of 2 words", 2, 5),
    one("4x5, rows of 4 words", 4, 5),
    one("unsigned input", 5, 4, entry=F(8, 8, signed=False)),
    one("unsigned weight", 5, 4, weight=F(6, 6, signed=False)),
    one("unsigned output", 9, 6, output=F(7, 4, signed=False), gain=4),
    one("1-bit input", 6, 5, entry=F(1, 0)),
    one("1-bit weight", 6, 5, weight=F(1, 1), gain=4),
    one("ternary weight", 9, 5, weight=F(2, 1, symmetric=True), gain=4),
    one("1-bit output", 6, 5, output=F(1, -1), gain=4),
    one("16-bit everything", 11, 5, entry=F(16, 12), weight=F(16, 14), output=F(16, 11)),
    one("symmetric output", 8, 6, output=F(5, 3, symmetric=True), gain=4),
    one("bias finer than products", 4, 5, bias=F(16, 15), weight=F(6, 5)),
    one("bias coarser than products", 4, 5, bias=F(4, 1), gain=4),
    one("output finer than products", 4, 5, output=F(14, 13)),
    one("output on the products' grid", 4, 5, output=F(16, 10)),
    one("one bit dropped", 4, 5, output=F(12, 9)),
    one("everything dropped", 4, 5, output=F(4, -20)),
    one("negative fraction bits", 6, 5, entry=F(8, -3), weight=F(8, 9), output=F(8, -2)),
    one("fraction beyond the width", 6, 5, entry=F(6, 9), weight=F(6, 10), output=F(6, 9)),
    one("chain of three", 5, 7, nn.ReLU(), nn.Linear(7, 3), nn.Linear(3, 9, weight=F(4, 2))),
    Case("all weights zero", lambda: sequential(nn.Quantize(IN), filled(nn.Linear(4, 3), 0.0, 0.0)), (4,)),
    Case(
        "zero weights and fine bias",
        lambda: sequential(nn.Quantize(IN), filled(nn.Linear(4, 3, bias=F(9, 14)), 0.0, 0.01)),
        (4,),
    ),
    Case("most negative weights", lambda: sequential(nn.Quantize(IN), filled(nn.Linear(9, 2), -9.0, -9.0)), (9,)),
    Case("largest weights", lambda: sequential(nn.Quantize(IN), filled(nn.Linear(9, 2), 9.0, 9.0)), (9,)),
    Case(
        "half to even of one bit",  # a tie at -1.5 steps; the sum with the half has one bit above those that are dropped
        lambda: sequential(
            nn.Quantize(F(8, 0)), filled(nn.Linear(1, 1, weight=F(2, 0), bias=F(8, 0), output=F(4, -7)), 1, -64)
        ),
        (1,),
    ),
    Case(
        "half to even, wrapping to more bits than there are",
        lambda: sequential(
            nn.Quantize(F(2, 0)),
            filled(nn.Linear(1, 1, weight=F(2, 0), bias=F(3, 0), output=F(6, -1, signed=False), overflow=Overflow.WRAP), 1, 0),
        ),
        (1,),
    ),
    Case("batch normalisation", normalised, (6,)),
    *(
        one(f"{rounding} {overflow} {frac}", 6, 9, rounding=rounding, overflow=overflow, output=F(5, frac), gain=3)
        for rounding in DETERMINISTIC
        for overflow in Overflow
        for frac in (3, 9)
    ),
    *(
        one(f"{overflow} and {after}", 7, 6, after, overflow=overflow, output=F(6, 4), gain=4)
        for overflow in Overflow
        for after in (
            nn.ReLU(),
            nn.HardTanh(-1, 1),
            nn.HardTanh(-0.8125, 0.6875),
            nn.HardTanh(0.25, 0.75),
            nn.HardTanh(-9, -0.5),
        )
    ),
    GraphCase("exact sums", lambda: chains.chain(chains.linear(output=F(52, 8)))),
    GraphCase("exact sums on a grid of their own", lambda: chains.chain(chains.linear(output=F(17, 11), align=3))),
    GraphCase("exact sums with a clamp", lambda: chains.chain(chains.linear(output=F(52, 8), low=-300, high=4000))),
    one("unsigned wrap and hardtanh", 7, 6, nn.HardTanh(0.25, 2), overflow=Overflow.WRAP, output=F(6, 4, signed=False), gain=4),
    lanes(one("lanes that divide", 8, 6), [4, 3]),
    lanes(one("lanes that do not divide", 7, 5), [3, 2]),
    lanes(one("lanes of inputs alone", 11, 4), [5, 1]),
    lanes(one("lanes of outputs alone", 4, 11), [1, 4]),
    lanes(one("all at once", 5, 4), [5, 4]),
    lanes(one("all at once, no bias", 5, 4, bias=False), [5, 4]),
    lanes(one("lanes, no bias", 8, 5, bias=False), [2, 2]),
    lanes(one("lanes, rows of 4 words", 32, 5), [8, 1]),
    lanes(one("lanes, rows of 8 words", 32, 5), [4, 2]),
    lanes(one("lanes of one output", 9, 1), [4, 1]),
    lanes(one("lanes of one input", 1, 9), [1, 4]),
    lanes(one("lanes, a register more for each sum", 6, 5), [2, 2], pipelining=True),
    lanes(one("one lane, a register more for each sum", 1, 1), [1, 1], pipelining=True),
    lanes(one("lanes, products of several blocks", 5, 4, entry=F(20, 12), weight=F(19, 15), output=F(16, 11)), [2, 2]),
    lanes(one("lanes, wrapping", 7, 5, overflow=Overflow.WRAP, output=F(6, 4), gain=4), [2, 3]),
    lanes(one("lanes, ternary weight", 9, 5, weight=F(2, 1, symmetric=True), gain=4), [4, 2]),
    lanes(one("lanes, 1-bit weight", 6, 5, weight=F(1, 1), gain=4), [3, 4]),
    lanes(one("lanes that widen and narrow", 5, 12, nn.ReLU(), nn.Linear(12, 9), nn.Linear(9, 2)), [2, 3], [5, 2], [3, 2]),
    lanes(one("packed", 6, 8, gain=3), [2, 4], **PACKED),
    lanes(one("packed, an odd number of outputs", 5, 7, gain=3), [2, 3], **PACKED),
    lanes(one("packed, unsigned input", 5, 4, entry=F(8, 4, signed=False), weight=F(7, 6), gain=3), [1, 4], **PACKED),
    lanes(one("packed, unsigned weight", 5, 4, weight=F(7, 5, signed=False)), [2, 2], **PACKED),
    lanes(one("packed, output of every bit", 4, 6, output=F(18, 11)), [1, 2], **PACKED),
    lanes(
        Case("packed, most negative weights", lambda: sequential(nn.Quantize(IN), filled(nn.Linear(4, 4), -9.0, -9.0)), (4,)),
        [2, 2],
        **PACKED,
    ),
    one("weights in E4M3", 11, 5, weight=FloatQuantizer(E4M3)),
    one("weights in E4M3 that saturate", 5, 4, weight=FloatQuantizer(E4M3), output=F(12, -4), gain=2000),
    one("weights in E5M2", 11, 5, weight=FloatQuantizer(E5M2), bias=False),
    one("weights in E2M1", 9, 6, weight=FloatQuantizer(E2M1, 0.125)),
    one("weights in MXFP8", 37, 3, weight=BlockQuantizer(MXFP8_E4M3, 1)),
    one("weights in MXFP4", 35, 3, weight=BlockQuantizer(MXFP4, 1)),
    one("weights in BFP16", 9, 6, weight=BlockQuantizer(BFP16)),
    spread(FloatQuantizer(E4M3)),
    spread(FloatQuantizer(E5M2)),
    spread(BlockQuantizer(Microscaling(E2M1, 4), 1), m=2),
    lanes(spread(BlockQuantizer(Microscaling(E4M3, 4), 1), output=F(10, 0)), [3, 2]),
    lanes(one("packed in a narrow multiplier", 6, 8, weight=F(4, 3), gain=3), [3, 4], packing=True, pipelining=True),
]

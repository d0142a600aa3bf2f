"""Limits that stand alone, because nothing before them can take them in."""

from __future__ import annotations

import torch

from creator import FixedPoint, nn
from tests.cases import Case, sequential

F = FixedPoint


def alone(name: str, entry: FixedPoint, *layers: torch.nn.Module) -> Case:
    return Case(name, lambda: sequential(nn.Quantize(entry), *layers), (6,))


CASES = [
    alone("relu", F(8, 4), nn.ReLU()),
    alone("relu of 1 bit", F(1, 0), nn.ReLU()),
    alone("relu of symmetric", F(4, 2, symmetric=True), nn.ReLU()),
    alone("hardtanh at powers of two", F(8, 4), nn.HardTanh(-2, 1.9375)),
    alone("hardtanh between codes of a power of two", F(8, 4), nn.HardTanh(-1, 1)),
    alone("hardtanh odd bounds", F(8, 4), nn.HardTanh(-1.3125, 2.0625)),
    alone("hardtanh upper only", F(8, 4), nn.HardTanh(-100, 1.5)),
    alone("hardtanh lower only", F(8, 4), nn.HardTanh(-0.5, 100)),
    alone("hardtanh above zero", F(8, 4), nn.HardTanh(0.5, 3)),
    alone("hardtanh below zero", F(8, 4), nn.HardTanh(-3, -0.5)),
    alone("unsigned upper", F(8, 4, signed=False), nn.HardTanh(-1, 3.9375)),
    alone("unsigned both", F(8, 4, signed=False), nn.HardTanh(1.25, 9.0625)),
    alone("relu6", F(8, 4), torch.nn.ReLU6()),
    alone("two that merge", F(8, 4), nn.ReLU(), nn.HardTanh(-1, 2.5)),
    alone("after a table", F(6, 3), nn.Tanh(), nn.ReLU()),
]

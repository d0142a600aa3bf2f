"""Products: formats, wide operands, every rounding and overflow, merged clamps, lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import creator
from creator import Affine, FixedPoint, Overflow, Rounding, nn
from creator.ops import Clamp, Op
from tests.cases import Case, GraphCase, Residual, constants, sequential
from tests.graph.branches import joined, multiply
from tests.graph.chains import linear, quantize, table

F = FixedPoint
DETERMINISTIC = [mode for mode in Rounding if mode is not Rounding.STOCHASTIC]


def case(name: str, op: Op, first: tuple[Op, ...] = (), second: tuple[Op, ...] = (), *after: Op, **kwargs: Any) -> GraphCase:
    options = kwargs.pop("options", {})
    return GraphCase(name, lambda: joined(op, first, second, *after, **kwargs), options)


GATE = (linear(6, 6), table())


class Excited(torch.nn.Module):
    """Squeeze-and-excite: every pixel of what ``features`` gives times a gate of its channel, which ``gate`` makes of averages.

    ``join`` gets the layer for products, the pixels and the gate, which has one pixel or none.
    """

    def __init__(self, gate: torch.nn.Module, join: Callable[..., torch.Tensor], features: torch.nn.Module) -> None:
        super().__init__()
        self.entry, self.features, self.gate, self.join = nn.Quantize(F(8, 4)), features, gate, join
        self.squeeze, self.out = nn.AdaptiveAvgPool2d(1, output=F(8, 5)), nn.Multiply(F(8, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.features(self.entry(x))
        return self.join(self.out, x, self.gate(self.squeeze(x)))  # type: ignore[no-any-return]


def excite(
    name: str, linear: bool, join: Callable[..., torch.Tensor], shape: tuple[int, ...] = (1, 3, 2), **options: Any
) -> Case:
    """Three channels and a gate of two hidden ones, from linear layers or from convolutions of one pixel."""

    def make() -> torch.nn.Module:
        settings: dict[str, Any] = {"weight": F(6, 5)}
        if linear:
            layers = [
                torch.nn.Flatten(),
                nn.Linear(3, 2, **settings),
                nn.ReLU(),
                nn.Linear(2, 3, **settings),
                nn.Sigmoid(F(6, 5)),
            ]
        else:
            layers = [nn.Conv2d(3, 2, 1, **settings), nn.ReLU(), nn.Conv2d(2, 3, 1, **settings)]
        layers.append(nn.Sigmoid(F(6, 5)) if linear else nn.HardSigmoid(F(6, 5)))
        return Excited(sequential(*layers), join, nn.Conv2d(1, 3, (2, 1), padding="same", **settings))

    return Case(f"squeeze and excite, {name}", make, shape, options)


class Inverted(torch.nn.Module):
    """A block of MobileNetV3: expansion, depthwise convolution, squeeze-and-excite, projection, and the way around it all."""

    def __init__(self) -> None:
        super().__init__()
        settings: dict[str, Any] = {"weight": F(5, 4), "output": F(7, 4)}
        self.entry = nn.Quantize(F(7, 4))
        self.expand = sequential(nn.Conv2d(2, 4, 1, **settings), nn.BatchNorm2d(4), nn.HardSwish(F(7, 4)))
        self.deep = sequential(nn.Conv2d(4, 4, 3, padding=1, groups=4, **settings), nn.BatchNorm2d(4), nn.ReLU())
        self.squeeze = nn.AdaptiveAvgPool2d(1, output=F(7, 4))
        self.gate = sequential(
            nn.Conv2d(4, 2, 1, **settings), nn.ReLU(), nn.Conv2d(2, 4, 1, **settings), nn.HardSigmoid(F(6, 5))
        )
        self.excite, self.sum = nn.Multiply(F(7, 4)), nn.Add(F(7, 4))
        self.project = sequential(nn.Conv2d(4, 2, 1, **settings), nn.BatchNorm2d(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.entry(x)
        y = self.deep(self.expand(x))
        return self.sum(x, self.project(self.excite(y, self.gate(self.squeeze(y)))))  # type: ignore[no-any-return]


CASES = [
    case("a square", multiply(F(12, 4))),
    constants("a gated linear unit", lambda m, x: m.glu(m.conv(x)), (2, 3),
              lambda: {"conv": nn.Conv1d(2, 4, 1), "glu": nn.GLU(1, F(8, 5), F(6, 6, signed=False))}),
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
    excite("indexed", True, lambda out, x, gate: out(x, gate[..., None, None])),
    excite("a plain product", True, lambda out, x, gate: x * gate.view(-1, 3, 1, 1)),
    excite("the gate first, expanded", True, lambda out, x, gate: out(gate[:, :, None, None].expand_as(x), x)),
    excite("convolutions", False, lambda out, x, gate: out(x, gate)),
    excite("one pixel", False, lambda out, x, gate: out(x, gate), (1, 1, 1)),
    excite("one row", False, lambda out, x, gate: out(x, gate), (1, 1, 4)),
    excite("lanes", False, lambda out, x, gate: out(x, gate), lanes={"out": 3}),
    excite("in 20 cycles", True, lambda out, x, gate: out(x, gate[..., None, None]), parallelism=20),
    excite("all at once", False, lambda out, x, gate: out(x, gate), parallelism="full-lanes"),
    Case("a block of MobileNetV3", Inverted, (2, 3, 3)),
    Case("a block of MobileNetV3, faster", Inverted, (2, 3, 3), {"parallelism": 81}),
    Case("of features with one of them", lambda: Residual(
        F(8, 4), nn.Linear(4, 1, weight=F(6, 5)), nn.Multiply(F(8, 4))), (4,)),
    Case("of all with all", lambda: Residual(
        F(8, 4), torch.nn.Unflatten(1, (1, 3)), nn.Multiply(F(8, 4)), skip=torch.nn.Unflatten(1, (3, 1))), (3,)),
    Case("repeated between arbitrary scales", lambda: creator.convert(Residual(
        Affine(0.1, 3, 5), sequential(nn.Quantize(Affine(0.07, -9, 6)), torch.nn.AdaptiveMaxPool2d(1)),
        nn.Multiply(Affine(0.12, 4, 6)))), (2, 2, 2)),
    Case("plain product", lambda: Residual(F(8, 4), nn.Linear(5, 5), torch.mul, nn.Quantize(F(9, 3))), (5,)),
]  # fmt: skip

"""Random multilayer perceptrons, as modules: PyTorch says what they compute."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

import creator
from creator import FixedPoint, Overflow, Rounding, nn
from tests.fuzz.draws import FRAME_BEATS, Draws
from tests.fuzz.trial import Trial
from tests.oracle import ROUNDINGS

SMALL = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 16]
LARGE = [*SMALL, 17, 23, 29, 31, 32, 37, 40]
TABLES = [
    nn.Sigmoid,
    nn.Tanh,
    nn.SiLU,
    nn.GELU,
    lambda **rules: nn.GELU("tanh", **rules),
    lambda **rules: nn.ELU(0.7, **rules),
    lambda **rules: nn.Softplus(2.0, 5.0, **rules),
    nn.Mish,
    nn.HardSigmoid,
    nn.HardSwish,
    lambda **rules: nn.LeakyReLU(0.2, **rules),
    lambda **rules: nn.Lookup(math.cos, **rules),
    lambda **rules: nn.Lookup(torch.square, **rules),
]


class Mlp(Draws):
    """Draws layers."""

    def format(self, most: int = 16, least: int = 2, signed: bool | None = None) -> FixedPoint:
        bits = self.whole(least, most)
        return FixedPoint(bits, self.whole(-1, bits + 1), not self.chance(20) if signed is None else signed)

    def rules(self, fmt: FixedPoint) -> dict:
        return {
            "output": fmt,
            "rounding": self.pick(ROUNDINGS),
            "overflow": self.pick([Overflow.SATURATE] * 2 + [Overflow.WRAP]),
        }

    def fill(self, tensor: torch.Tensor, low: float, high: float) -> None:
        with torch.no_grad():
            tensor.copy_(torch.from_numpy(self.bulk().uniform(low, high, tuple(tensor.shape))))

    def linear(self, n: int, m: int, fmt: FixedPoint) -> nn.Linear:
        bias = self.pick([False, True, self.format(signed=True)])
        layer = nn.Linear(n, m, bias=bias, weight=self.format(10, 1 if self.chance(10) else 2), **self.rules(fmt))
        for tensor, form in ((layer.weight, layer.weight_format), (layer.bias, layer.bias_format)):
            if tensor is not None:
                span = form.max_value * self.pick([0.3, 1.0, 2.0])
                self.fill(tensor, -span, span)
        return layer

    def normalisation(self, size: int, kind: Any = nn.BatchNorm1d, alone: bool = False) -> torch.nn.Module:
        """One that folds where it can; or one of its own, with formats."""
        rules = self.rules(self.format(12)) | ({"weight": self.format(8)} if self.chance(50) else {})
        layer = kind(size, **(rules if alone else {}))
        for tensor in (layer.weight, layer.bias, layer.running_mean):
            self.fill(tensor, -2, 2)
        self.fill(layer.running_var, 0.1, 3)
        return layer

    def activation(self, fmt: FixedPoint) -> list[torch.nn.Module]:
        """Layers behind one whose output is of the format ``fmt``."""
        match self.whole(0, 7):
            case 0:
                return []
            case 1 | 2:
                return [nn.ReLU()]
            case 3:
                low = self.whole(fmt.min_code, fmt.max_code - 1)
                return [nn.HardTanh(low * fmt.step, self.whole(low + 1, fmt.max_code) * fmt.step)]
            case 4:
                out = self.format(12)
                rules = self.rules(out)
                return [nn.Quantize(out, rules["rounding"], rules["overflow"])]
            case 5:
                return [self.lines()]
            case 6:
                return self.polynomial()
        out = self.format(12)
        narrow = [] if fmt.total_bits <= 10 else [nn.Quantize(self.format(10, signed=fmt.signed))]
        return [*narrow, self.pick(TABLES)(**self.rules(out))]

    def polynomial(self) -> list[torch.nn.Module]:
        """A function of an input that is too wide for a table; its output is coarse, so that some polynomial is near it."""
        bits = self.whole(13, 15)
        entry = FixedPoint(bits, bits - self.whole(2, 4), not self.chance(30))
        out = self.pick([FixedPoint(8, 5), FixedPoint(9, 5), FixedPoint(7, 3, symmetric=True), FixedPoint(6, 4, signed=False)])
        kind = self.pick([nn.Sigmoid, nn.Tanh, nn.HardSwish, nn.ELU, nn.Softplus])
        rounding = self.pick([Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.HALF_AWAY])
        return [nn.Quantize(entry), kind(output=out, input=entry, rounding=rounding)]

    def lines(self) -> torch.nn.Module:
        """A layer with quantized slopes."""
        out, bits = self.format(12), self.whole(1, 12)
        slope = FixedPoint(bits, self.whole(-1, bits + 3))
        rules = self.rules(out)
        if self.chance(30):
            return nn.HardSigmoid(slope=slope, output=out, rounding=rules["rounding"])
        if self.chance(20):
            return nn.HardSwish(slope=slope, **rules)
        if self.chance(30):
            return nn.LeakyReLU(self.whole(-8, 8) / 7, slope=slope, **rules)
        layer = nn.PReLU(self.pick([1, self.width]), slope=slope, **rules)
        self.fill(layer.weight, -2 * slope.max_value - 0.1, 2 * slope.max_value)
        return layer

    def layer(self, sizes: list[int]) -> None:
        """A linear layer and what can follow."""
        m, fmt = self.pick(sizes), self.format()
        self.layers.append(self.linear(self.width, m, fmt))
        self.layers += [self.normalisation(m)] if self.chance(25) else []
        self.width = m
        self.layers += [*self.activation(fmt), *([nn.Dropout(0.3)] if self.chance(10) else [])]
        self.layers += [self.normalisation(m, alone=self.chance(70))] if self.chance(15) else []

    def model(self, sizes: list[int]) -> tuple[torch.nn.Sequential, int]:
        """A model in eval mode, and the size of its input."""
        self.layers: list[torch.nn.Module] = [nn.Quantize(self.format())]
        self.width = size = self.pick(sizes)
        self.repeat(4, lambda: self.layer(sizes))
        return torch.nn.Sequential(*self.layers).eval(), size


@st.composite
def small(draw: st.DrawFn) -> Trial:
    """Networks of up to 16 elements a layer, quick enough for 256 samples."""
    return _trial(Mlp(draw), SMALL, FRAME_BEATS, 256)


@st.composite
def large(draw: st.DrawFn) -> Trial:
    """Networks of up to 40 elements a layer, mostly serial."""
    return _trial(Mlp(draw), LARGE, 40 * 40, 24)


def _trial(draws: Mlp, sizes: list[int], beats: int, vectors: int) -> Trial:
    model, size = draws.model(sizes)
    graph = creator.trace(model, (size,))

    def expected(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            y = model(torch.from_numpy(graph.input_format.from_integers(x)).float())
        return np.ldexp(y.double().numpy(), graph.output_format.frac_bits)

    return Trial(graph, graph, expected, draws.parallelism(graph, beats), vectors, **draws.bench())

"""Random convolutional networks, as modules: PyTorch says what they compute."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st

import creator
from creator import nn
from creator.nn.weighted import Weighted
from creator.ops.base import divisors
from creator.quantize import E2M1, E3M2, E4M3, FloatQuantizer
from tests.fuzz.mlps import Mlp
from tests.fuzz.trial import Trial
from tests.oracle import ROUNDINGS

CYCLES = 400
"""That the slowest core of a network may take for a sample."""


class Cnn(Mlp):
    """Draws convolutions, and what stands between them."""

    def geometry(self, size: int) -> tuple[int, int, int, int]:
        """Kernel, stride, dilation and padding along an axis of so many pixels; the kernel fits."""
        kernel, dilation = self.whole(1, 3), self.pick([1, 1, 2])
        padding = self.whole(0, (kernel - 1) * dilation)
        while (kernel - 1) * dilation + 1 > size + 2 * padding:
            kernel, dilation = kernel - 1, 1
            padding = min(padding, kernel - 1)
        return kernel, self.pick([1, 1, 1, 2, 3]), dilation, padding

    def convolution(self) -> None:
        """A convolution and what can follow."""
        channels, *size = self.shape
        kernel, stride, dilation, padding = zip(*map(self.geometry, size), strict=True)
        groups = self.pick([1, 1, *divisors(channels)])
        outputs, fmt = groups * self.whole(1, max(1, 6 // groups)), self.format(10)
        kind = nn.Conv1d if len(size) == 1 else nn.Conv2d
        bias = self.pick([False, True, self.format(signed=True)])
        layer = kind(
            channels, outputs, kernel, stride, padding, dilation, groups, bias=bias,
            weight=self.format(8, 1 if self.chance(10) else 2), **self.rules(fmt),
        )  # fmt: skip
        for tensor, form in ((layer.weight, layer.weight_format), (layer.bias, layer.bias_format)):
            if tensor is not None:
                span = form.max_value * self.pick([0.3, 1.0, 2.0])
                self.fill(tensor, -span, span)
        self.layers.append(layer)
        if self.chance(25):
            self.layers.append(self.normalisation(outputs, nn.BatchNorm1d if len(size) == 1 else nn.BatchNorm2d))
        self.width = outputs
        self.layers += self.activation(fmt)
        self.shape = [outputs, *layer.product(torch.zeros(1, channels, *size), layer.weight, None).shape[2:]]

    def channels(self) -> None:
        """A normalisation that may stand behind anything."""
        channels, *size = self.shape
        self.layers.append(self.normalisation(channels, nn.BatchNorm1d if len(size) == 1 else nn.BatchNorm2d, self.chance(70)))

    def sweep(self) -> None:
        """A pool, padding or upsampling, as far as the cycles allow."""
        channels, *size = self.shape
        axes, spare = len(size), CYCLES // int(np.prod(self.shape))
        windows = {"kernel_size": tuple(self.whole(1, min(3, n)) for n in size)}
        windows["stride"] = tuple(self.whole(1, 3) for _ in size)
        windows["padding"] = tuple(self.whole(0, k // 2) for k in windows["kernel_size"])
        windows["ceil_mode"] = self.chance(30)
        last = self.layers[-1]
        match self.whole(0, 3 if spare >= 6 else 1):
            case 0:
                spread = tuple(
                    self.pick([1, 1, 2]) if 2 * k <= n + 1 else 1 for k, n in zip(windows["kernel_size"], size, strict=True)
                )
                made: torch.nn.Module = (nn.MaxPool1d if axes == 1 else nn.MaxPool2d)(**windows, dilation=spread)
            case 1:
                rules = {"output": self.format(10), "rounding": self.pick(ROUNDINGS), "multiplier_bits": self.whole(1, 18)}
                padded = self.chance(50)
                made = (nn.AvgPool1d if axes == 1 else nn.AvgPool2d)(**windows, count_include_pad=padded, **rules)
            case 2:
                made = nn.Upsample(scale_factor=self.pick([2, 3] if axes == 1 else [(2, 1), (1, 2), 2]))
            case _:
                edges = [self.whole(0, 1) for _ in range(2 * axes)]
                value = 0.0 if not isinstance(last, nn.Quantize) else float(last.output_format.min_value)
                made = (nn.ConstantPad1d if axes == 1 else nn.ConstantPad2d)(tuple(edges), value)
        self.layers.append(made)
        self.shape = list(made(torch.zeros(1, channels, *size)).shape[1:])

    def network(self) -> tuple[torch.nn.Sequential, tuple[int, ...]]:
        """A model in eval mode, and the shape of its input."""
        self.layers = [nn.Quantize(self.format(10))]
        axes = self.whole(1, 2)
        self.shape = [self.whole(1, 4), *(self.whole(1, 9 if axes == 1 else 5) for _ in range(axes))]
        shape = tuple(self.shape)
        self.repeat(3, lambda: self.pick([self.convolution, self.convolution, self.convolution, self.sweep, self.sweep,
                                          self.channels])())  # fmt: skip
        if self.chance(20):
            self.layers.append(nn.Quantize(FloatQuantizer(self.pick([E2M1, E3M2, E4M3]))))
        weighted = any(isinstance(layer, Weighted) for layer in self.layers)
        if self.chance(40) or not weighted:  # pools of one pixel, for example, are no hardware
            fmt = self.format()
            self.layers += [torch.nn.Flatten(), self.linear(int(np.prod(self.shape)), self.whole(1, 5), fmt)]
        return torch.nn.Sequential(*self.layers).eval(), shape


@st.composite
def small(draw: st.DrawFn) -> Trial:
    """Networks of up to three convolutions over a few pixels."""
    draws = Cnn(draw)
    model, shape = draws.network()
    graph = creator.trace(model, shape)

    def expected(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            y = model(torch.from_numpy(graph.input_format.from_integers(x)).float())
        return np.ldexp(y.double().numpy(), graph.output_format.frac_bits)

    return Trial(graph, graph, expected, draws.parallelism(graph, CYCLES), 20, **draws.bench())

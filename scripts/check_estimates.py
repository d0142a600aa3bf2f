"""How far estimates are from Yosys for networks with operations other than linear layers.

``python scripts/check_estimates.py ecp5-25k`` synthesizes small networks, without routing, and prints LUTs, flip-flops, DSP
blocks and block RAMs as found and as estimated, and the worst errors of each group. ``--only softmax`` takes one group,
``--parts`` prints what each network's estimate consists of. The weights are those of ``scripts/calibrate.py``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import creator
from creator import FixedPoint, nn
from creator.schedule.area import core_parts
from creator.targets import FAMILIES, find_target

F = FixedPoint
IN = F(8, 4)
Made = tuple[str, torch.nn.Module, tuple[int, ...], dict[str, Any]]


def sequential(*layers: torch.nn.Module) -> torch.nn.Module:
    """Layers in a row, with weights over the whole of their range, ready to be traced."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(*layers)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d)):
                layer.weight.uniform_(-1, 1)
                if layer.bias is not None:
                    layer.bias.uniform_(-1, 1)
    return model.eval()


def dense(n: int, m: int, bits: int = 8) -> nn.Linear:
    """A linear layer of ``bits`` bits throughout."""
    return nn.Linear(n, m, weight=F(bits, bits - 1), output=F(bits, bits - 4))


def conv(n: int, m: int, kernel: Any, bits: int = 8, **options: Any) -> nn.Conv2d:
    """A convolution of ``bits`` bits throughout."""
    return nn.Conv2d(n, m, kernel, weight=F(bits, bits - 1), output=F(bits, bits - 4), **options)


def ends() -> Iterator[Made]:
    """Softmax, comparisons and thresholds, alone and behind a layer."""
    for size, lanes, bits in ((10, 1, 8), (10, 2, 8), (12, 4, 6), (10, 5, 8), (40, 1, 8), (100, 2, 10)):
        model = sequential(nn.Quantize(F(bits, bits - 4)), nn.Softmax())
        yield f"softmax of {size} by {lanes}, {bits} bits", model, (size,), {"lanes": {"1": lanes}}
    for output in (F(12, 12, signed=False), F(4, 3)):
        yield f"softmax of 10 to {output}", sequential(nn.Quantize(IN), nn.Softmax(output=output)), (10,), {}
    yield "softmax behind a layer", sequential(nn.Quantize(IN), dense(16, 10), nn.Softmax()), (16,), {}
    for kind in (nn.ArgMax, nn.Top1):
        for size, lanes, bits in ((10, 1, 8), (10, 2, 8), (33, 4, 12), (16, 16, 8), (13, 8, 5), (100, 1, 16)):
            model = sequential(nn.Quantize(F(bits, bits - 4)), kind())
            yield f"{kind.__name__.lower()} of {size} by {lanes}, {bits} bits", model, (size,), {"lanes": {"1": lanes}}
    for levels, lanes, bits in ((1, 1, 8), (3, 1, 8), (7, 2, 8), (15, 1, 12), (31, 1, 8)):
        layer = nn.MultiThreshold(list(np.linspace(-3.3, 3.1, levels)))
        model = sequential(nn.Quantize(F(bits, bits - 4)), layer)
        yield f"threshold of {levels} by {lanes}, {bits} bits", model, (10,), {"lanes": {"1": lanes}}
    for levels in (1, 3, 7):
        values = np.linspace(-7.9, 7.8, 12 * levels).reshape(levels, 12).T
        yield f"threshold of {levels} a channel", sequential(nn.Quantize(IN), nn.MultiThreshold(values)), (12,), {}


def moves() -> Iterator[Made]:
    """Pools, padding, upsampling, and exchanges of axes between layers."""
    for shape, lanes in (((4, 8, 8), 1), ((8, 8, 8), 4), ((2, 8, 8), 2)):
        for name, layer in (
            ("maxpool 2", nn.MaxPool2d(2)),
            ("maxpool 3", nn.MaxPool2d(3, stride=1, padding=1)),
            ("avgpool 2", nn.AvgPool2d(2)),
            ("avgpool of all", nn.AdaptiveAvgPool2d(1)),
            ("pad", nn.ZeroPad2d((1, 2, 1, 0))),
            ("upsample", nn.Upsample(scale_factor=2)),
        ):
            yield f"{name} of {shape} by {lanes}", sequential(nn.Quantize(IN), layer), shape, {"lanes": {"1": lanes}}


class Branches(torch.nn.Module):
    """Two layers beside each other, and what joins them."""

    def __init__(self, join: str, size: int = 16) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.entry, self.first, self.second, self.join = nn.Quantize(IN), dense(size, size), dense(size, size), join
        self.sum, self.product, self.narrow = nn.Add(IN), nn.Multiply(IN), nn.Quantize(F(6, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As ``join`` says."""
        x = self.entry(x)
        if self.join == "residual":
            return self.sum(x, self.first(x))
        if self.join == "sum":
            return self.sum(self.first(x), self.second(x))
        if self.join == "product":
            return self.product(self.first(x), self.second(x))
        if self.join == "cat":
            return torch.cat([self.narrow(self.first(x)), self.narrow(x)], 1)
        return self.first(x)[:, 3:11]


def branches() -> Iterator[Made]:
    """Residual blocks, sums, products, concatenations, slices."""
    for join in ("residual", "sum", "product", "cat", "slice"):
        for setting in ("serial", 64):
            yield f"{join}, {setting}", Branches(join).eval(), (16,), {"parallelism": setting}


def convolutions() -> Iterator[Made]:
    """Convolutional networks as they are in use: kernels, strides, padding, groups, lanes."""
    for bits in (8, 5):
        stem = (nn.Quantize(F(bits, bits - 3)), conv(1, 8, 3, bits, padding=1), nn.ReLU())
        plain = sequential(*stem, conv(8, 8, 3, bits), nn.ReLU(), nn.Flatten(), dense(8 * 36, 10, bits))
        strided = sequential(*stem, conv(8, 16, 3, bits, stride=2, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                             nn.Quantize(F(bits, bits - 4)), dense(16, 10, bits))  # fmt: skip
        depthwise = sequential(*stem, conv(8, 8, 3, bits, padding=1, groups=8), nn.ReLU(), conv(8, 12, 1, bits), nn.ReLU(),
                               nn.MaxPool2d(2), nn.Flatten(), dense(192, 5, bits))  # fmt: skip
        for name, model in (("plain", plain), ("strided", strided), ("depthwise", depthwise)):
            for setting in ("serial", 4096, 1024):
                yield f"{name}, {bits} bits, {setting}", model, (1, 8, 8), {"parallelism": setting}
    for channels, outputs, kernel, lanes in ((4, 8, 3, (1, 1)), (4, 8, 3, (4, 2)), (8, 8, 1, (2, 2)), (3, 6, 5, (3, 1))):
        model = sequential(nn.Quantize(IN), conv(channels, outputs, kernel))
        yield f"one of {channels} to {outputs}, {kernel}", model, (channels, 9, 9), {"lanes": {"1": lanes}}


def curves() -> Iterator[Made]:
    """Slopes, tables that shrank, polynomials, changes of format."""
    slopes, each = nn.PReLU(output=IN), nn.PReLU(12, output=IN)
    torch.nn.init.uniform_(each.weight, -1, 1)
    wide = F(14, 10)
    for name, entry, layer in (
        ("prelu", IN, slopes),
        ("prelu a channel", IN, each),
        ("leaky relu", F(12, 8), nn.LeakyReLU(0.3, F(10, 6), slope=F(8, 8))),
        ("hard sigmoid", F(12, 8), nn.HardSigmoid(slope=F(8, 9))),
        ("sigmoid", IN, nn.Sigmoid(F(8, 8, signed=False))),
        ("silu", IN, nn.SiLU(F(9, 4))),
        ("tanh of 12 bits", F(12, 8), nn.Tanh(F(12, 11))),
        ("polynomial silu", wide, nn.SiLU(F(12, 8), input=wide)),
        ("polynomial tanh", wide, nn.Tanh(F(12, 11), input=wide)),
        ("change of format", F(12, 8), nn.Quantize(IN)),
    ):
        for lanes in (1, 3):
            yield f"{name} by {lanes}", sequential(nn.Quantize(entry), layer), (12,), {"lanes": {"1": lanes}}


GROUPS = {"ends": ends, "moves": moves, "branches": branches, "convolutions": convolutions, "curves": curves}


def described(design: creator.Design, target: str) -> str:
    """The bits of each kind in LUTs and in flip-flops, of the whole network."""
    family, intervals = FAMILIES[find_target(target).family], design.plan.graph.intervals
    lines = []
    for core in design.plan.cores:
        parts = core_parts(core, [intervals[name] for name in core.node.inputs], family)
        for name, found in (("LUTs", parts.luts), ("flip-flops", parts.ffs)):
            lines.append(
                f"    {core.node.name} {name}: " + ", ".join(f"{kind} {bits:g}" for kind, bits in sorted(found.items()))
            )
    return "\n".join(lines)


def main() -> int:
    """Synthesizes and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("target")
    parser.add_argument("--only", choices=sorted(GROUPS))
    parser.add_argument("--parts", action="store_true")
    options = parser.parse_args()
    for group in [options.only] if options.only else GROUPS:
        errors = []
        for name, model, shape, settings in GROUPS[group]():
            design = creator.translate(creator.trace(model, shape), **settings)
            with tempfile.TemporaryDirectory() as folder:
                report = creator.synthesize(design.write(Path(folder) / "build"), options.target, route=False)
            total = design.estimate.total
            errors.append((total.luts / max(1, report.luts) - 1, total.ffs / max(1, report.ffs) - 1))
            print(
                f"{name:42s} LUTs {report.luts:5d} {errors[-1][0]:+6.1%}  flip-flops {report.ffs:5d} {errors[-1][1]:+6.1%}"
                f"  DSPs {report.dsps} ({total.dsps})  block RAMs {report.brams} ({total.brams})",
                flush=True,
            )
            if options.parts:
                print(described(design, options.target))
        worst, mean = np.abs(errors).max(axis=0), np.abs(errors).mean(axis=0)
        print(f"{group}: LUTs at most {worst[0]:.1%} off, {mean[0]:.1%} in the mean; "
              f"flip-flops {worst[1]:.1%}, {mean[1]:.1%}")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How busy the multipliers of convolutional networks are, and how much their buffers hold.

For each network and several intervals: cycles from one sample to the next against the ideal, MACs / multipliers; and for each
convolution the bits of its window buffer against the fewest that can do, (K - 1) * W * C + K * C elements.

``python benchmarks/cnn.py`` prints a report, ``--write`` puts it into ``benchmarks/results/cnn.md``; ``--simulate`` also
measures the intervals of the small networks in GHDL.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import creator
from creator import FixedPoint
from creator.ops import Conv, Linear
from creator.passes import LOWER, run_passes
from creator.preparation import QConfig
from creator.schedule import schedule
from creator.schedule.plan import Core

sys.path.append(str(Path(__file__).resolve().parents[1] / "examples"))
import autoencoder
import digits_cnn
import speakers_cnn

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "cnn.md"
FORMATS = QConfig(FixedPoint(8, 6, signed=False), FixedPoint(8, 6))


@dataclass(frozen=True)
class Network:
    """What is measured.

    Args:
        make: gives the model in floating point.
        shape: of its input.
        intervals: that are asked for.
        small: whether it is simulated.
    """

    name: str
    make: Callable[[], torch.nn.Module]
    shape: tuple[int, ...]
    intervals: tuple[int | str, ...]
    small: bool = False


def layer(inputs: int, outputs: int, kernel: int, groups: int = 1) -> list[torch.nn.Module]:
    """A convolution of 2-D images with padding, normalised, rectified."""
    convolution = torch.nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)
    return [convolution, torch.nn.BatchNorm2d(outputs), torch.nn.ReLU()]


def vgg() -> torch.nn.Module:
    """Pairs of convolutions of 3 x 3 pixels, twice the channels behind each pool (Simonyan and Zisserman 2014)."""
    return torch.nn.Sequential(
        *layer(3, 8, 3), *layer(8, 8, 3), torch.nn.MaxPool2d(2), *layer(8, 16, 3), *layer(16, 16, 3), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(256, 10),
    )  # fmt: skip


def mobilenet() -> torch.nn.Module:
    """Depthwise and pointwise convolutions in turn (Howard et al. 2017)."""
    return torch.nn.Sequential(
        *layer(3, 8, 3), *layer(8, 8, 3, groups=8), *layer(8, 16, 1), torch.nn.MaxPool2d(2),
        *layer(16, 16, 3, groups=16), *layer(16, 32, 1), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
        torch.nn.Linear(32, 10),
    )  # fmt: skip


NETWORKS = (
    Network("vgg", vgg, (3, 16, 16), ("serial", 36864, 18432, 9216), True),
    Network("mobilenet", mobilenet, (3, 16, 16), ("serial", 18432, 9216, 4608), True),
    Network("digits_cnn", digits_cnn.Network, digits_cnn.SHAPE, (4608, 2304, 1152, 576), True),
    Network("speakers_cnn", speakers_cnn.network, speakers_cnn.SHAPE, ("serial", 6144, 3072, 1536), True),
    Network("autoencoder", autoencoder.Network, autoencoder.SHAPE, ("serial", 4096, 2048), True),
)


def graph_of(network: Network) -> creator.Graph:
    """The network's graph, with 8 bits and torch's initial weights for seed 0."""
    torch.manual_seed(0)
    model = network.make().eval()
    prepared = creator.prepare(model, torch.zeros(1, *network.shape), FORMATS)
    return creator.trace(creator.convert(prepared).eval(), input_shape=network.shape)


def macs(core: Core) -> int:
    """Products that a sample takes in a core with weights; 0 in others."""
    op = core.node.op
    if not isinstance(op, Linear):
        return 0
    return int(op.weight.size) * (math.prod(core.node.type.shape[:-1]) if isinstance(op, Conv) else 1)


def multipliers(core: Core) -> int:
    """Products that a core makes in a cycle."""
    op = core.node.op
    return op.terms(core.lanes) * core.lanes.output if isinstance(op, Linear) else 0


def rows(network: Network, graph: creator.Graph, simulate: bool) -> Iterator[str]:
    """A line of the first table for each interval."""
    for asked in network.intervals:
        design = creator.translate(graph, asked, packing=False)
        plan = design.plan
        measured = "" if not (simulate and network.small) else str(interval_in_ghdl(design))
        slowest = max((core for core in plan.cores if macs(core)), key=lambda core: core.interval)
        total, count = sum(map(macs, plan.cores)), sum(map(multipliers, plan.cores))
        core_share = 100 * macs(slowest) / multipliers(slowest) / plan.interval
        share = 100 * total / count / plan.interval
        figures = [f"{total}", f"{count}", f"{plan.interval}", measured, f"{core_share:.1f} %", f"{share:.1f} %"]
        yield f"| {network.name} | {asked} | " + " | ".join(figures) + " |"


def interval_in_ghdl(design: creator.Design) -> int | None:
    """The interval that simulation measures; every output is compared with the graph's."""
    with tempfile.TemporaryDirectory() as folder:
        build = design.write(Path(folder) / "build")
        entry = design.plan.graph.input_type
        codes = np.random.default_rng(0).integers(entry.format.min_code, entry.format.max_code + 1, (6, *entry.shape))
        run = creator.simulate(build, codes, bench="vhdl")
    assert run.passed
    return run.interval


def buffers(network: Network, graph: creator.Graph) -> Iterator[str]:
    """A line of the second table for each convolution that needs more than one pixel."""
    for core in schedule(run_passes(graph, LOWER), "serial").cores:
        op = core.node.op
        if not isinstance(op, Conv) or math.prod(op.kernel) == 1:
            continue
        ring = op.ring(core.input_type, core.lanes)
        bits = core.input_type.format.total_bits
        channels, width, (tall, wide) = core.input_type.shape[-1], ring.size[1], ring.kernel
        least = ((tall - 1) * width * channels + wide * channels) * bits
        has = ring.depth * core.lanes.input * bits
        frame = core.input_type.size * bits
        kernel = " x ".join(map(str, op.kernel))
        figures = [
            kernel,
            f"{op.stride[-1]}",
            f"{width} x {channels}",
            f"{least}",
            f"{has}",
            f"{100 * (has / least - 1):.1f} %",
        ]
        yield f"| {network.name} | {core.node.where} | " + " | ".join([*figures, f"{frame}"]) + " |"


def report(simulate: bool) -> str:
    """The page."""
    graphs = [(network, graph_of(network)) for network in NETWORKS]
    return "\n".join(
        [
            "# Convolutional networks: multipliers and buffers",
            "",
            "Made by `python benchmarks/cnn.py --simulate --write`. 8 bits for weights and activations.",
            "",
            "The ideal interval is MACs / multipliers, products of padding included. *Slowest core*: its own MACs and",
            "multipliers. *Network*: all of both, so that a core which could be faster than the slowest one counts as idle.",
            "",
            "| network | asked for | MACs | multipliers | interval | measured in GHDL | slowest core | network |",
            "|---|--:|--:|--:|--:|--:|--:|--:|",
            *(row for network, graph in graphs for row in rows(network, graph, simulate)),
            "",
            "Bits of the window buffer of each convolution, against the fewest, (K - 1) W C + K C elements (K C in one",
            "dimension); a frame beside them.",
            "",
            "| network | layer | kernel | stride | W x C | fewest bits | bits | more | a frame |",
            "|---|---|--:|--:|--:|--:|--:|--:|--:|",
            *(row for network, graph in graphs for row in buffers(network, graph)),
            "",
        ]
    )


def main() -> None:
    """Prints or writes the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulate", action="store_true", help="measure the intervals of the small networks in GHDL")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.relative_to(ROOT)}")
    options = parser.parse_args()
    text = report(options.simulate)
    if options.write:
        RESULTS.write_text(text)
    print(text)


if __name__ == "__main__":
    main()

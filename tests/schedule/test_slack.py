"""Queues where rows come or go in bursts: they are there where they help, and only there, and the VHDL keeps the time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import creator
from creator import FixedPoint, Graph, nn
from creator.ops import Lanes
from creator.passes import LOWER, run_passes
from creator.schedule.assemble import assemble, core_nodes
from creator.schedule.slack import with_slack

F = FixedPoint


def conv(inputs: int, outputs: int, kernel: int = 3, **arguments: Any) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, weight=F(6, 5), **arguments)


class Residual(torch.nn.Module):
    """``x + layers(x)``."""

    def __init__(self, *layers: torch.nn.Module) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


NETWORKS: dict[str, tuple[list[torch.nn.Module], tuple[int, ...], bool]] = {
    "pool": ([conv(1, 3), nn.MaxPool2d(2), conv(3, 4)], (1, 8, 8), True),
    "average": ([conv(1, 3), nn.AvgPool2d(2), conv(3, 4)], (1, 8, 8), True),
    "a branch behind the queue": ([conv(1, 4), nn.MaxPool2d(2), Residual(conv(4, 4))], (1, 8, 8), True),
    "upsampling": ([conv(2, 3), nn.Upsample(scale_factor=2), conv(3, 1, 1)], (2, 4, 4), True),
    "transposed": ([conv(2, 3), nn.ConvTranspose2d(3, 1, 2, stride=2, weight=F(6, 5))], (2, 4, 4), True),
    "a fast layer before the pool": ([conv(1, 1, 1), nn.MaxPool2d(2), conv(1, 6)], (1, 6, 6), False),
    "a pool at the end": ([conv(1, 2), nn.MaxPool2d(2)], (1, 6, 6), False),
    "a pool at the beginning": ([nn.MaxPool2d(2), conv(1, 2)], (1, 6, 6), False),
}


def graph_of(name: str) -> Graph:
    layers, shape, _ = NETWORKS[name]
    torch.manual_seed(1)
    return creator.trace(torch.nn.Sequential(nn.Quantize(F(6, 3)), *layers).eval(), shape)


@pytest.mark.parametrize("name", NETWORKS)
def test_no_core_waits_for_another(name: str, tmp_path: Path) -> None:
    graph = graph_of(name)
    lowered = run_passes(graph, LOWER)
    plain = assemble(lowered, {node.name: Lanes() for node in core_nodes(lowered)})
    found = with_slack(plain)
    slowest = max(core.interval for core in plain.cores)
    words = [feed.words for core in found.cores for feed in core.feeds]
    assert found.interval == slowest
    added = [core.feeds[0].words for core in found.cores if len(core.feeds) == 1]
    assert (plain.interval > slowest) == (sum(added) > 0) == NETWORKS[name][2]
    design = creator.translate(graph)
    assert (design.interval, [f.words for core in design.plan.cores for f in core.feeds]) == (slowest, words)
    codes = np.random.default_rng(2).integers(-32, 32, (6, *graph.input_shape))
    run = creator.simulate(design.write(tmp_path / "b"), codes, bench="vhdl")
    assert (run.mismatches, run.latency, run.interval) == (0, design.latency, slowest)

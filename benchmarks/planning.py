"""How long planning takes: the time of ``creator.schedule.schedule`` for convolutional networks, and what it finds.

``python benchmarks/planning.py`` prints a table, ``--write`` puts it into ``benchmarks/results/planning.md``. Times are
processor seconds of the slower of two runs, lowering and the plan's interval and latency included.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

import creator
from creator import FixedPoint
from creator.passes import LOWER, run_passes
from creator.preparation import QConfig
from creator.schedule import schedule

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "planning.md"
FORMATS = QConfig(FixedPoint(4, 2, signed=False), FixedPoint(4, 2))


def layer(inputs: int, outputs: int, stride: int = 1) -> list[torch.nn.Module]:
    """A convolution of 3 x 3 pixels, rectified."""
    return [torch.nn.Conv2d(inputs, outputs, 3, stride, padding=1), torch.nn.ReLU()]


def vgg() -> torch.nn.Module:
    """Five convolutions, two pools."""
    return torch.nn.Sequential(
        *layer(3, 16), *layer(16, 16), torch.nn.MaxPool2d(2), *layer(16, 32), *layer(32, 32), torch.nn.MaxPool2d(2),
        *layer(32, 64), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(64, 10),
    )  # fmt: skip


class Block(torch.nn.Module):
    """A residual block of two convolutions."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(*layer(inputs, outputs, stride), torch.nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip = torch.nn.Identity() if inputs == outputs else torch.nn.Conv2d(inputs, outputs, 1, stride)
        self.relu = torch.nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The sum of both ways, rectified."""
        return self.relu(self.body(x) + self.skip(x))  # type: ignore[no-any-return]


def resnet() -> torch.nn.Module:
    """A stem and two residual blocks."""
    return torch.nn.Sequential(
        *layer(3, 16),
        Block(16, 16),
        Block(16, 32, 2),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(32, 10),
    )


def lenet() -> torch.nn.Module:
    """LeNet-5 with rectified results and maxima (LeCun et al. 1998)."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


NETWORKS: tuple[tuple[str, Callable[[], torch.nn.Module], tuple[int, ...], tuple[int | str, ...]], ...] = (
    ("LeNet-5", lenet, (1, 28, 28), ("serial", 20000)),
    ("VGG", vgg, (3, 32, 32), ("serial", 40000, 10000)),
    ("VGG", vgg, (3, 64, 64), ("serial", 40000)),
    ("ResNet", resnet, (3, 32, 32), ("serial", 40000)),
)


def rows() -> Iterator[str]:
    """A line for each network and interval."""
    for name, make, shape, intervals in NETWORKS:
        torch.manual_seed(0)
        prepared = creator.prepare(make().eval(), torch.zeros(1, *shape), FORMATS)
        graph = creator.trace(creator.convert(prepared).eval(), input_shape=shape)
        for asked in intervals:
            took = []
            for _ in range(2):
                begin = time.process_time()
                plan = schedule(run_passes(graph, LOWER), asked)
                interval, latency = plan.interval, plan.latency
                took.append(time.process_time() - begin)
            size = " x ".join(map(str, shape))
            yield f"| {name} | {size} | {asked} | {len(plan.cores)} | {interval} | {latency} | {max(took):.1f} |"


def main() -> None:
    """Prints or writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.relative_to(ROOT)}")
    text = "\n".join(
        [
            "# How long planning takes",
            "",
            "Made by `python benchmarks/planning.py --write`. Processor seconds of the slower of two runs, on one core.",
            "",
            "| network | input | asked for | cores | interval | latency | seconds |",
            "|---|---|--:|--:|--:|--:|--:|",
            *rows(),
            "",
        ]
    )
    if parser.parse_args().write:
        RESULTS.write_text(text)
    print(text)


if __name__ == "__main__":
    main()

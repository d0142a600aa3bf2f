"""The network through creator."""

from __future__ import annotations

import shutil
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import workload
from workload import Codes

import creator
from creator import FixedPoint, Rounding, nn, simulate, trace, translate

FORMAT = FixedPoint(workload.TOTAL_BITS, workload.FRAC_BITS)


@dataclass(frozen=True)
class Generated:
    """A build folder and what creator's software computes.

    Args:
        folder: the build.
        sources: its VHDL, in the order in which it compiles.
        top: the entity.
        outputs: codes that ``graph.run`` gives.
        model_agrees: whether the PyTorch model in eval mode gives the same.
        seconds: time from the model to the files, the median of three.
    """

    folder: Path
    sources: list[Path]
    top: str
    outputs: Codes
    model_agrees: bool
    seconds: float

    def lines(self) -> tuple[int, int]:
        """Files, and the lines in them; without the bench that creator adds."""
        return len(self.sources), sum(len(path.read_text().splitlines()) for path in self.sources)


def model(layers: list[tuple[Codes, Codes]]) -> torch.nn.Sequential:
    """The module; results are cut towards zero, as the peer does it."""
    modules: list[torch.nn.Module] = [nn.Quantize(FORMAT)]
    for weight, bias in layers:
        layer = nn.Linear(
            weight.shape[1],
            weight.shape[0],
            bias=FORMAT,
            weight=FORMAT,
            output=FORMAT,
            rounding=Rounding.TOWARD_ZERO,
        )
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(FORMAT.from_integers(weight)))
            layer.bias.copy_(torch.from_numpy(FORMAT.from_integers(bias)))
        modules += [layer, nn.ReLU()]
    return torch.nn.Sequential(*modules[:-1]).eval()


def generate(layers: list[tuple[Codes, Codes]], inputs: Codes, folder: Path) -> Generated:
    """Traces, translates and writes the network of these weights and biases."""
    module = model(layers)
    times = []
    for _ in range(3):
        shutil.rmtree(folder, ignore_errors=True)
        begun = time.perf_counter()
        design = translate(trace(module, (workload.SIZES[0],)))
        design.write(folder)
        times.append(time.perf_counter() - begun)
    outputs = design.graph.run(inputs)
    with torch.no_grad():
        values = module(torch.from_numpy(FORMAT.from_integers(inputs)).float())
    agrees = bool((FORMAT.to_integers(values.double().numpy()) == outputs).all())
    sources = [folder / name for name in design.manifest["sources"]]
    return Generated(folder, sources, design.manifest["top"], outputs, agrees, statistics.median(times))


def run(generated: Generated, inputs: Codes) -> creator.simulation.Run:
    """Simulates the VHDL."""
    return simulate(generated.folder, inputs, bench="vhdl")

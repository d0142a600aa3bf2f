"""Finds what one bit of each kind of logic costs in a family of devices, and how far estimates are from Yosys.

``python scripts/calibrate.py ecp5-25k`` synthesizes networks, without routing, and prints the weights for
``creator/targets/family.py``; ``--check`` uses the weights that are there. Least squares of relative errors, where the
reference networks count twice; weights not negative: those that would be are left out, one after another.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

import creator
from creator import FixedPoint, nn
from creator.schedule.area import core_parts
from creator.schedule.device import DEVICES, Device
from creator.targets import FAMILIES, Family, find_target

REFERENCE = [(16, 64, 32, 32, 5), (64, 32, 16, 10)]
BITS = [8, 6, 4]
SETTINGS: list[str | int] = ["serial", 512, 128, 64]
RANDOM = 24
ANY = "any device"


def network(sizes: tuple[int, ...], bits: int, seed: int = 0) -> torch.nn.Sequential:
    """An MLP with weights over the whole of their range."""
    torch.manual_seed(seed)
    layers: list[torch.nn.Module] = [nn.Quantize(FixedPoint(bits, bits - 3))]
    for index, (n, m) in enumerate(itertools.pairwise(sizes)):
        layer = nn.Linear(n, m, weight=FixedPoint(bits, bits - 1), output=FixedPoint(bits, bits - 4))
        with torch.no_grad():
            layer.weight.uniform_(-1, 1)
            layer.bias.uniform_(-1, 1)
        layers += [layer, *([nn.ReLU()] if index < len(sizes) - 2 else [])]
    return torch.nn.Sequential(*layers)


def designs(family: Family) -> Iterator[tuple[str, creator.Design]]:
    """The reference networks at several settings, and random single layers and pairs."""
    # Planned for the family, whatever size its devices have.
    DEVICES[ANY] = Device(ANY, family, *[10**9] * 4)
    for sizes in REFERENCE:
        for bits in BITS:
            graph = creator.trace(network(sizes, bits), (sizes[0],))
            for setting in SETTINGS:
                yield f"{'-'.join(map(str, sizes))}, {bits} bits, {setting}", creator.translate(graph, setting, target=ANY)
    rng = np.random.default_rng(1)
    for seed in range(RANDOM):
        sizes = tuple(rng.integers(2, 60, 3).tolist())
        graph = creator.trace(network(sizes, int(rng.integers(2, 13)), seed), (sizes[0],))
        lanes = {
            str(1 + 2 * k): (int(rng.integers(1, min(n, 12) + 1)), int(rng.integers(1, min(m, 8) + 1)))
            for k, (n, m) in enumerate(itertools.pairwise(sizes))
        }
        yield f"random {seed}", creator.translate(graph, "serial", target=ANY, lanes=lanes, packing=bool(rng.integers(2)))


def counts(design: creator.Design, family: Family) -> tuple[dict[str, float], dict[str, float]]:
    """Bits of every kind in LUTs and in flip-flops."""
    luts: dict[str, float] = {}
    ffs: dict[str, float] = {}
    intervals = design.plan.graph.intervals
    for core in design.plan.cores:
        parts = core_parts(core, [intervals[name] for name in core.node.inputs], family)
        for total, found in ((luts, parts.luts), (ffs, parts.ffs)):
            for kind, bits in found.items():
                total[kind] = total.get(kind, 0.0) + bits
    return luts, ffs


def fitted(rows: list[dict[str, float]], found: list[int], times: list[int]) -> dict[str, float]:
    """The weights, none of them negative, with the least squares of relative errors; every row counts so many ``times``."""
    kinds = sorted({kind for row in rows for kind in row})
    while True:
        table = np.array([[row.get(kind, 0.0) for kind in kinds] for row in rows])
        emphasis = np.sqrt(times)
        scale = emphasis / np.array(found, dtype=float)
        weights = np.linalg.lstsq(table * scale[:, None], emphasis, rcond=None)[0]
        if weights.min() >= 0:
            return {kind: round(float(weight), 3) for kind, weight in zip(kinds, weights, strict=True)}
        kinds.pop(int(weights.argmin()))


def main() -> int:
    """Synthesizes, fits and prints; 1 if an estimate for a reference network is more than 15 % off."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    family = FAMILIES[find_target(options.target).family]
    names, rows, found = [], [], []
    for name, design in designs(family):
        with tempfile.TemporaryDirectory() as folder:
            report = creator.synthesize(design.write(Path(folder) / "build"), options.target, route=False)
        total = design.estimate.total
        print(
            f"{name}: DSPs {report.dsps} ({total.dsps}), block RAMs {report.brams} ({total.brams})", file=sys.stderr, flush=True
        )
        names.append(name)
        rows.append(counts(design, family))
        found.append((report.luts, report.ffs))
    times = [1 if name.startswith("random") else 2 for name in names]
    luts = dict(family.luts) if options.check else fitted([row[0] for row in rows], [luts for luts, _ in found], times)
    ffs = dict(family.ffs) if options.check else fitted([row[1] for row in rows], [ffs for _, ffs in found], times)
    print(f"luts={luts},\nffs={ffs},")
    worst = 0.0
    for name, row, actual in zip(names, rows, found, strict=True):
        errors = []
        for weights, bits, count in zip((luts, ffs), row, actual, strict=True):
            errors.append(sum(weights.get(kind, 0.0) * number for kind, number in bits.items()) / count - 1)
        print(f"{name:45s} LUTs {actual[0]:6d} {errors[0]:+6.1%}   flip-flops {actual[1]:6d} {errors[1]:+6.1%}")
        if not name.startswith("random"):
            worst = max(worst, *map(abs, errors))
    print(f"reference networks: at most {worst:.1%} off")
    return int(worst > 0.15)


if __name__ == "__main__":
    sys.exit(main())

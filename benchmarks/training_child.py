"""Runs where the peers are installed: builds all systems, checks that they quantize, times them in turn.

Arguments: a JSON file with the options, a JSON file to write. ``training_speed.py`` starts it.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import sys
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import torch
from training_measure import BASELINE, WARM_UP, Levels, Timing, levels, measure
from training_others import GRADIENTS, PEERS, Builder, torch_float
from training_ours import OURS
from training_workload import OPTIMIZERS, Trained, batch, step

from creator.console import Progress

Record = dict[str, Any]

PACKAGES = ("torch", "brevitas", "elasticai.creator", "qtorch", "torchao")


def run(options: Record) -> Record:
    """All measurements that ``options`` asks for: rounds, steps by network, optimizers, peers.

    Returns:
        ``versions``, ``processor``, ``results``: one for each network, optimizer and system, and ``missing``: those that could
        not be measured, and why.
    """
    torch.set_num_threads(1)
    results: list[Record] = []
    missing: list[Record] = []
    builders = {BASELINE: torch_float, **(PEERS if options["peers"] else {}), **OURS}
    with Progress() as progress:
        for optimizer in options["optimizers"]:
            for network, steps in options["steps"].items():
                place = {"network": network, "optimizer": optimizer}
                progress(f"build, {network}, {optimizer}")
                systems, found, failed = prepare(builders, network, optimizer)
                missing += [{**place, "system": system, "why": why} for system, why in failed.items()]
                progress(f"time, {network}, {optimizer}")
                timings = measure(systems, *batch(network), options["rounds"], steps)
                results += [{**place, "system": name, **figures(one), **found[name]} for name, one in timings.items()]
    return {"versions": versions(), "processor": processor(), "results": results, "missing": missing}


def prepare(
    builders: dict[str, Builder], network: str, optimizer: str
) -> tuple[dict[str, Trained], dict[str, Record], dict[str, str]]:
    """The systems that work, warm; the levels of each; and the reasons why others do not."""
    systems: dict[str, Trained] = {}
    found: dict[str, Record] = {}
    failed: dict[str, str] = {}
    inputs, labels = batch(network)
    for name, build in builders.items():
        torch.manual_seed(0)
        try:
            trained = build(network, OPTIMIZERS[optimizer])
            for _ in range(WARM_UP):
                step(trained, inputs, labels)
            found[name] = check(name, levels(trained, inputs, labels))
        except Exception as error:  # a peer may fail in any way, and then only its rows are missing
            if name == BASELINE:
                raise
            failed[name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"
        else:
            systems[name] = trained
    return systems, found, failed


def check(name: str, counted: Levels) -> Record:
    """Refuses a system that does less than its name says, and so would be faster for nothing."""
    if not counted.learns:
        raise RuntimeError(f"a layer has no gradient: {counted}")
    if counted.quantized == (name == BASELINE):
        raise RuntimeError(f"quantizes where it should not, or does not where it should: {counted}")
    if name.endswith(GRADIENTS) and not counted.gradients_on_grid:
        raise RuntimeError(f"gradients are off their grid: {counted}")
    return asdict(counted)


def figures(timing: Timing) -> Record:
    """What is kept of a timing."""
    lower, ratio, upper = timing.quartiles
    return {"ms": median(timing.milliseconds), "ratio": ratio, "lower": lower, "upper": upper, "ratios": timing.ratios}


def versions() -> dict[str, str]:
    """Of what is installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """Its name, where Linux tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(run(json.loads(Path(sys.argv[1]).read_text()))))

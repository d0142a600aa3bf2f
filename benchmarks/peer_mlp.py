"""One MLP through creator and through elasticai.creator: generation, simulation, synthesis, side by side in one table.

Run it as ``python benchmarks/peer_mlp.py`` with the Python that creator is installed for; GHDL is needed, and pip once, for
the peer. What is measured, and how, is in ``benchmarks/README.md``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import measure
import numpy as np
import ours
import peer
import workload
from measure import Resources
from workload import Codes

import creator
from creator.console import Progress

RESULT = Path(__file__).resolve().parent / "results" / "peer_mlp.md"
MOST_CYCLES = 2052
"""What creator may take for an inference in steady state."""

Row = tuple[str, float | str, float | str, float | str]


def agreeing(got: Codes, expected: Codes, kinds: dict[str, Codes]) -> dict[str, str]:
    """How many of the vectors of each kind are right in every output, as ``right/all``."""
    right = (got == expected).all(axis=1)
    ends = np.cumsum([len(part) for part in kinds.values()])
    parts = np.split(right, ends[:-1])
    return {kind: f"{int(part.sum())}/{len(part)}" for kind, part in zip(kinds, parts, strict=True)}


def main() -> int:
    """Measures, prints and writes the table; 0 if creator was right everywhere and fast enough."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=workload.VECTORS, help="of each kind (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=RESULT, help="file to write (default: %(default)s)")
    options = parser.parse_args()
    unbiased = min(options.vectors, workload.UNBIASED_VECTORS)
    with tempfile.TemporaryDirectory(prefix="creator-peer-") as scratch, Progress() as progress:
        progress("the peer's virtual environment")
        python = peer.install()
        rows, passed = compare(python, options.vectors, unbiased, Path(scratch), progress)
    text = document(rows, options.vectors)
    print(text)
    options.output.parent.mkdir(exist_ok=True)
    options.output.write_text(text)
    return 0 if passed else 1


def compare(python: Path, count: int, unbiased: int, scratch: Path, progress: Progress) -> tuple[list[Row], bool]:
    """All measurements; whether creator was right everywhere and within :data:`MOST_CYCLES`."""
    cases = {
        "": (workload.parameters(), workload.vectors(count)),
        ", biases 0": (workload.parameters(biased=False), workload.vectors(unbiased)),
    }
    shares: list[Row] = []
    for number, (case, (layers, kinds)) in enumerate(cases.items()):
        inputs = np.concatenate(list(kinds.values()))
        progress(f"generate{case}")
        mine = ours.generate(layers, inputs, scratch / f"ours{number}")
        theirs = peer.generate(python, layers, inputs, scratch / f"peer{number}")
        repaired = [peer.repair(theirs.folder, scratch / f"repaired{number}{depth}", depth == 2) for depth in (1, 2)]
        progress(f"simulate {len(inputs)} vectors{case}")
        with ThreadPoolExecutor(2) as pool:
            folders = [scratch / f"simulated{number}{depth}" for depth in (1, 2)]
            jobs = [pool.submit(peer.simulate, vhdl, inputs, folder) for vhdl, folder in zip(repaired, folders, strict=True)]
            run = ours.run(mine, inputs)
            peers = [job.result() for job in jobs]
        results = [agreeing(run.outputs, mine.outputs, kinds), *(agreeing(one.outputs, theirs.outputs, kinds) for one in peers)]
        shares += [(f"vectors right, {kind}{case}", *(result[kind] for result in results)) for kind in kinds]
        if not number:
            first = mine, theirs, repaired, run, peers
            passed = run.interval is not None and run.interval <= MOST_CYCLES
        passed = passed and run.passed and mine.model_agrees
    mine, theirs, repaired, run, peers = first
    progress("elaborate what the peer generated")
    elaborates = "yes" if peer.elaborates(theirs.folder, scratch / "as_generated") else "no"
    progress("synthesize creator's")
    found = [measure.resources(mine.sources, mine.top, scratch / "resources0")]
    for depth, vhdl in enumerate(repaired, 1):
        progress(f"synthesize the peer's, {depth} of {len(repaired)}")
        found.append(measure.resources(vhdl, "network", scratch / f"resources{depth}"))
    progress.done()
    files, lines = zip(mine.lines(), theirs.lines(), strict=True)
    intervals = [int(run.interval or 0), *(one.interval for one in peers)]
    rows: list[Row] = [
        ("elaborates as generated", "yes", elaborates, elaborates),
        ("generation, s", mine.seconds, theirs.seconds, theirs.seconds),
        ("VHDL files", *files, files[1]),
        ("VHDL lines", *lines, lines[1]),
        ("cycles, one inference", int(run.latency or 0), *(one.cycles for one in peers)),
        ("cycles, steady state", *intervals),
        *shares,
        *resource_rows(found, intervals),
    ]
    return rows, passed


def resource_rows(found: list[Resources], intervals: list[int]) -> list[Row]:
    """The rows that synthesis fills."""
    names = {
        "xc7 LUTs, without distributed RAM": "xc7_luts",
        "xc7 distributed RAM cells": "xc7_lutrams",
        "xc7 LUTs, all": "xc7_all_luts",
        "xc7 flip-flops": "xc7_ffs",
        "xc7 DSP48E1": "xc7_dsps",
        "xc7 block RAMs (36 kbit)": "xc7_brams",
        "ECP5 LUT4": "ecp5_luts",
        "ECP5 distributed RAM cells": "ecp5_lutrams",
        "ECP5 LUTs placed, all": "ecp5_comb",
        "ECP5 flip-flops": "ecp5_ffs",
        "ECP5 MULT18X18D": "ecp5_dsps",
        "ECP5 block RAMs (18 kbit)": "ecp5_brams",
        "ECP5 fmax, MHz": "mhz",
    }
    rows: list[Row] = [(label, *(getattr(one, name) for one in found)) for label, name in names.items()]
    ranges = [f"{low:.1f} ... {high:.1f}" for low, high in (one.mhz_range for one in found)]
    rates = [round(one.mhz * 1e6 / interval) for one, interval in zip(found, intervals, strict=True)]
    return [*rows, ("ECP5 fmax, lowest and highest", *ranges), ("ECP5 inferences a second at fmax", *rates)]


def document(rows: list[Row], count: int) -> str:
    """The result as a Markdown page."""
    tools = [f"creator {creator.__version__}", f"elasticai.creator {peer.VERSION}", *measure.versions()]
    sizes = "-".join(map(str, workload.SIZES))
    command = "python benchmarks/peer_mlp.py" + (f" --vectors {count}" if count != workload.VECTORS else "")
    head = f"""# creator and elasticai.creator: MLP {sizes}

Made by `{command}`; what each row means is in [the README](../README.md).
{", ".join(tools)}; ECP5: 25k, speed 6, median of {len(measure.SEEDS)} seeds.

Peer 1: repaired as far as it takes to elaborate and to synthesize. Peer 2: its rotated inputs repaired as well.

"""
    table = [("", "creator", "peer 1", "peer 1 / creator", "peer 2", "peer 2 / creator")]
    for label, mine, one, two in rows:
        table.append((label, figure(mine), figure(one), ratio(one, mine), figure(two), ratio(two, mine)))
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
    rule = "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])])
    return head + "\n".join([f"| {lines[0]} |", f"|{rule}|", *(f"| {line} |" for line in lines[1:])]) + "\n"


def figure(value: float | str) -> str:
    """A figure as the table shows it."""
    if isinstance(value, str | int):
        return str(value)
    return f"{value:g}" if value == round(value, 1) else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def ratio(theirs: float | str, mine: float | str) -> str:
    """How many times as much the peer's figure is."""
    if isinstance(theirs, str) or isinstance(mine, str) or not mine:
        return "-"
    return f"{theirs / mine:.2f}"


if __name__ == "__main__":
    sys.exit(main())

"""Throughput against area, from one multiplier a layer to as many as ECP5-85k holds.

``python benchmarks/parallelism/run.py`` translates, simulates, synthesizes, places and routes three MLPs at 8, 6 and 4 bits and
several intervals, and writes ``results.md`` and ``throughput.svg`` beside itself. Status 1 if a measured interval is more than
4 cycles over the plan, a simulation differs, or the clock is below 150 MHz.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from calibrate import network  # the same reference networks

import creator
from creator.errors import CreatorError

TARGET = "ecp5-85k"
HERE = Path(__file__).parent
NETWORKS = {
    (16, 64, 32, 32, 5): ["serial", 512, 128, 64, 40],
    (64, 32, 16, 10): ["serial", 512, 128, 64, 32],
    (784, 128, 64, 10): ["serial", 8192, 1024],
}
COLUMNS = ["network", "bits", "asked", "interval", "measured", "latency", "LUTs", "FFs", "DSPs", "BRAMs", "MHz"]
COLUMNS += ["inf/s", "inf/s/LUT", "inf/s/DSP", "MAC efficiency"]


def measure(sizes: tuple[int, ...], bits: int, asked: str | int, frames: int) -> dict[str, Any]:
    """One row of the table."""
    graph = creator.trace(network(sizes, bits), (sizes[0],))
    design = creator.translate(graph, asked, target=TARGET)
    rng = np.random.default_rng(0)
    form = graph.input_format
    codes = rng.integers(form.min_code, form.max_code, (frames, sizes[0]), endpoint=True)
    with tempfile.TemporaryDirectory() as folder:
        build = design.write(Path(folder) / "build")
        run = creator.simulate(build, codes, bench="vhdl")
        report = creator.synthesize(build, TARGET)
    macs = sum(node.op.weight.size for node in design.plan.graph.nodes if node.op.name == "linear")
    products = sum(core.lanes.input * core.lanes.output for core in design.plan.cores)
    rate = (report.fmax_mhz or 0.0) * 1e6 / design.interval
    return {
        "network": "-".join(map(str, sizes)),
        "bits": bits,
        "asked": asked,
        "interval": design.interval,
        "measured": run.interval,
        "latency": run.latency,
        "LUTs": report.luts,
        "FFs": report.ffs,
        "DSPs": report.dsps,
        "BRAMs": report.brams,
        "MHz": round(report.fmax_mhz or 0.0, 1),
        "inf/s": round(rate),
        "inf/s/LUT": round(rate / report.luts, 1),
        "inf/s/DSP": round(rate / max(1, report.dsps)),
        "MAC efficiency": round(macs / (products * design.interval), 3),
        "mismatches": run.mismatches,
        "path": report.critical_path,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    return "\n".join([*lines, *("| " + " | ".join(str(row[name]) for name in COLUMNS) + " |" for row in rows)]) + "\n"


def plot(rows: list[dict[str, Any]]) -> None:
    """Inferences a second over LUTs, both logarithmic."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams["svg.hashsalt"] = "creator"
    figure, axes = plt.subplots(figsize=(7, 4.5))
    for name, bits in dict.fromkeys((row["network"], row["bits"]) for row in rows):
        found = [row for row in rows if (row["network"], row["bits"]) == (name, bits)]
        axes.loglog([row["LUTs"] for row in found], [row["inf/s"] for row in found], "o-", label=f"{name}, {bits} bits")
    axes.set_xlabel("LUTs")
    axes.set_ylabel("inferences a second at the routed clock")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(HERE / "throughput.svg", metadata={"Date": None})
    plt.close(figure)


def write(rows: list[dict[str, Any]]) -> None:
    """Writes the table and the plot of what was measured so far."""
    head = f"# Throughput against area on {TARGET}\n\nMade by `python benchmarks/parallelism/run.py`"
    text = f"{head}, creator {creator.__version__}.\n\n"
    (HERE / "results.md").write_text(f"{text}{table(rows)}\n![Throughput against LUTs](throughput.svg)\n")
    plot(rows)


def main() -> int:
    """Runs everything; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bits", type=int, nargs="+", default=[8, 6, 4])
    options = parser.parse_args()
    rows = []
    for sizes, settings in NETWORKS.items():
        for bits in options.bits:
            for asked in settings:
                try:
                    row = measure(sizes, bits, asked, 6 if sizes[0] < 500 else 3)
                except CreatorError as error:
                    print(f"{sizes}, {bits} bits, {asked}: {error}", file=sys.stderr, flush=True)
                    continue
                rows.append(row)
                print(row, file=sys.stderr, flush=True)
                write(rows)
    bad = [row for row in rows if row["mismatches"] or row["measured"] > row["interval"] + 4 or row["MHz"] < 150]
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())

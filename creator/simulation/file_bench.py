"""The fast bench: VHDL alone, vectors in and results out through files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from creator.errors import CheckFailedError
from creator.simulation.job import QUIET, STANDARD, Job, Trace, compile_design, decode, first_error
from creator.tools import run_tool


def run_file_bench(job: Job, folder: Path) -> Trace:
    """Runs ``job`` in the empty ``folder``."""
    ghdl = compile_design(job.build, folder, (job.build.bench,))
    width = int(job.build.manifest["input"]["beat_bits"])
    (folder / "vectors.txt").write_text(_vectors(job, width))
    generics = {
        "vectors": "vectors.txt",
        "results": "results.txt",
        "beats": job.expected_beats,
        "patience": job.patience,
        "stalls": job.stalls,
        "interrupt": job.interrupt,
    }
    command = [
        ghdl,
        "-r",
        *STANDARD,
        str(job.build.manifest["bench"]),
        *(f"-g{name}={value}" for name, value in generics.items()),
    ]
    status, text = run_tool([*command, *QUIET, *job.wave_options], folder)
    if status:
        raise CheckFailedError(f"the simulation failed: {first_error(text)}", str(job.build.path))
    return _trace(job, (folder / "results.txt").read_text())


def _vectors(job: Job, width: int) -> str:
    mask = (1 << width) - 1
    last = np.zeros(job.beats.shape, dtype=bool)
    last[:, -1] = True
    return "".join(
        f"{int(end)} {code & mask:0{width}b}\n" for code, end in zip(job.beats.ravel().tolist(), last.ravel(), strict=True)
    )


def _trace(job: Job, text: str) -> Trace:
    codes, cycles, starts = [], [], []
    fmt = job.build.graph.output_format
    for line in text.splitlines():
        kind, cycle, *beat = line.split()
        if kind == "in":
            starts.append(int(cycle))
            continue
        last, bits = beat
        codes.append(decode(bits, fmt))
        cycles.append(int(cycle))
        if (last == "1") != (len(codes) % job.output_size == 0):
            raise CheckFailedError(f"output beat {len(codes) - 1} has tlast={last}", "simulation")
    return Trace(np.array(codes, dtype=np.int64), starts, cycles)

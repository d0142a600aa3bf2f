"""The fast bench: VHDL alone, vectors in and results out through files."""

from __future__ import annotations

from pathlib import Path

from creator.errors import CheckFailedError
from creator.simulation.job import QUIET, STANDARD, Job, Trace, compile_design, first_error
from creator.simulation.stalls import NAMES
from creator.tools import run_tool


def run_file_bench(job: Job, folder: Path) -> Trace:
    """Runs ``job`` in the empty ``folder``."""
    ghdl = compile_design(job.build, folder, (*job.build.checks, job.build.bench))
    (folder / "vectors.txt").write_text(_vectors(job))
    generics = {
        "vectors": "vectors.txt",
        "results": "results.txt",
        "beats": job.expected_beats,
        "patience": job.patience,
        "profile": NAMES.index(job.profile),
        "seed": job.seed,
        "resets": job.resets,
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


def _vectors(job: Job) -> str:
    each = job.input_beats_per_frame
    return "".join([f"{int((index + 1) % each == 0)} {bits}\n" for index, bits in enumerate(job.input_beats)])


def _trace(job: Job, text: str) -> Trace:
    lines = [line.split() for line in text.splitlines()]
    starts = [int(cycle) for kind, cycle, *_ in lines if kind == "in"]
    return job.trace([(beat[1], beat[0] == "1", int(cycle)) for kind, cycle, *beat in lines if kind == "out"], starts)

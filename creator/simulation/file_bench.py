"""The fast bench: VHDL alone, vectors in and results out through files."""

from __future__ import annotations

import re
from pathlib import Path

from creator.errors import CheckFailedError
from creator.simulation.checkers import checker_files
from creator.simulation.job import QUIET, STANDARD, Job, Trace, compile_design, reason
from creator.simulation.stalls import NAMES
from creator.tools import run_tool

VECTORS, RESULTS = "vectors.txt", "results.txt"
"""The bench's files, in the folder in which it runs."""

_LINE = re.compile(r"in \d{1,18}|out \d{1,18} \S \S+")


def run_file_bench(job: Job, folder: Path) -> Trace:
    """Runs ``job`` in the empty ``folder``."""
    ghdl = compile_design(job.build, folder, [*checker_files(job.build, folder), job.build.bench])
    (folder / VECTORS).write_text(vectors_text(job))
    status, text = run_tool([ghdl, "-r", *STANDARD, *bench_options(job)], folder)
    if status:
        raise CheckFailedError(f"the simulation failed: {reason(status, text)}", str(job.build.path))
    return read_trace(job, folder / RESULTS)


def bench_options(job: Job) -> list[str]:
    """What GHDL's command line has behind ``-r`` and the standard."""
    generics = {
        "vectors": VECTORS,
        "results": RESULTS,
        "beats": job.expected_beats,
        "patience": job.patience,
        "profile": NAMES.index(job.profile),
        "seed": job.seed,
        "resets": job.resets,
        "interrupt": job.interrupt,
        "mark": job.mark,
    }
    values = [f"-g{name}={value}" for name, value in generics.items()]
    return [str(job.build.manifest["bench"]), *values, *QUIET, *job.wave_options]


def vectors_text(job: Job) -> str:
    """The file of input beats."""
    each = job.input_beats_per_frame
    return "".join([f"{int((index + 1) % each == 0)} {bits}\n" for index, bits in enumerate(job.input_beats)])


def read_trace(job: Job, file: Path) -> Trace:
    """What the file of results says.

    Raises:
        CheckFailedError: if it is not whole, or not of this run.
    """
    lines = [line.split() for line in _results(job, file)]
    starts = [int(cycle) for kind, cycle, *_ in lines if kind == "in"]
    return job.trace([(beat[1], beat[0] == "1", int(cycle)) for kind, cycle, *beat in lines if kind == "out"], starts)


def _results(job: Job, file: Path) -> list[str]:
    """The lines of the results, without the mark that has to end them."""
    if not file.is_file():
        raise CheckFailedError("the simulator ended without an error, but wrote no results", str(job.build.path))
    lines = file.read_text(errors="replace").split("\n")
    if len(lines) < 2 or lines[-1] or not re.fullmatch(r"end \w+", lines[-2]):
        what = "the file of results does not end with its mark: the run was cut off, or the file is not the bench's"
        raise CheckFailedError(what, str(job.build.path))
    if lines[-2] != f"end {job.mark}":
        raise CheckFailedError("the results are of another run: their mark is not that of this one", str(job.build.path))
    for number, line in enumerate(lines[:-2], 1):
        if not _LINE.fullmatch(line):
            what = f"line {number} of the results is none that the bench writes: {line!r:.60}"
            raise CheckFailedError(what, str(job.build.path))
    return lines[:-2]

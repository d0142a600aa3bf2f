"""The fast bench: VHDL alone, vectors in and results out through files."""

from __future__ import annotations

import re
from pathlib import Path

from creator.errors import CheckFailedError
from creator.simulation.checkers import checker_files
from creator.simulation.job import QUIET, STANDARD, Job, Trace, compile_design, reason
from creator.simulation.stalls import NAMES
from creator.tools import run_tool

_LINE = re.compile(r"in \d{1,18}|out \d{1,18} \S \S+")


def run_file_bench(job: Job, folder: Path) -> Trace:
    """Runs ``job`` in the empty ``folder``."""
    ghdl = compile_design(job.build, folder, [*checker_files(job.build, folder), job.build.bench])
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
        "mark": job.mark,
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
        raise CheckFailedError(f"the simulation failed: {reason(status, text)}", str(job.build.path))
    return _trace(job, _results(job, folder / "results.txt"))


def _vectors(job: Job) -> str:
    each = job.input_beats_per_frame
    return "".join([f"{int((index + 1) % each == 0)} {bits}\n" for index, bits in enumerate(job.input_beats)])


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


def _trace(job: Job, results: list[str]) -> Trace:
    lines = [line.split() for line in results]
    starts = [int(cycle) for kind, cycle, *_ in lines if kind == "in"]
    return job.trace([(beat[1], beat[0] == "1", int(cycle)) for kind, cycle, *beat in lines if kind == "out"], starts)

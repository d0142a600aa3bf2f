"""Runs the cocotb bench: in a child process, since cocotb's runner changes what it does under pytest and may exit."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from creator.errors import CheckFailedError, CreatorError
from creator.resources import resource_folder
from creator.simulation.job import QUIET, STANDARD, Job, Trace, compile_design, first_error
from creator.tools import run_tool


def run_cocotb(job: Job, folder: Path, taps: dict[str, str] | None = None) -> tuple[Trace, dict[str, list[str]]]:
    """Runs ``job`` in the empty ``folder``.

    Args:
        taps: prefixes of stream signals inside the network to record, by the name to return them under.

    Returns:
        What came out, and for each tap the beats, as bit strings, that went through it.
    """
    compile_design(job.build, folder, tuple(job.build.checks))
    description = {
        "top": job.build.top,
        "profile": job.profile,
        "seed": job.seed,
        "resets": job.resets,
        "interrupt": job.interrupt,
        "expected": job.expected_beats,
        "patience": job.patience,
        "beats": job.input_beats,
        "each": job.input_beats_per_frame,
        "drain": int(job.build.manifest["latency"]),
        "taps": taps or {},
        "std": list(STANDARD),
        "plusargs": [*QUIET, *job.wave_options],
    }
    (folder / "job.json").write_text(json.dumps(description))
    child = [sys.executable, "-m", "creator.simulation.cocotb_child"]
    root = str(Path(__file__).resolve().parents[2])
    paths = [str(resource_folder("sim")), root, os.environ.get("PYTHONPATH", "")]
    status, text = run_tool(child, folder, env={"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTEST_CURRENT_TEST": ""})
    _require_one_pass(folder, status, text, job)
    found = json.loads((folder / "trace.json").read_text())
    seen = list(zip(found["beats"], found["last"], found["cycles"], strict=True))
    return job.trace(seen, found["starts"]), found["taps"]


def _require_one_pass(folder: Path, status: int, text: str, job: Job) -> None:
    """cocotb exits with 0 after a failed test, a missing test module and no test at all: only the results file counts."""
    from cocotb_tools.check_results import get_results

    try:
        tests, failed = get_results(folder / "results.xml")
    except RuntimeError:
        raise CreatorError(
            f"the simulation did not run: {first_error(text)}", str(job.build.path), "try `creator doctor`"
        ) from None
    if (tests, failed) != (1, 0) or status or not (folder / "trace.json").is_file():
        reasons = [line for line in text.splitlines() if "AssertionError" in line] or [first_error(text)]
        raise CheckFailedError(f"the bench failed: {reasons[-1].strip()}", str(job.build.path))

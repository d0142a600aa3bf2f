"""Runs the cocotb bench: in a child process, since cocotb's runner changes what it does under pytest and may exit."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from creator.errors import CheckFailedError, CreatorError
from creator.resources import resource_folder
from creator.simulation.checkers import checker_files
from creator.simulation.job import QUIET, STANDARD, Job, Trace, compile_design, first_error
from creator.tools import run_tool


def run_cocotb(job: Job, folder: Path, taps: dict[str, str] | None = None) -> tuple[Trace, dict[str, list[str]]]:
    """Runs ``job`` in the empty ``folder``.

    Args:
        taps: prefixes of stream signals inside the network to record, by the name to return them under.

    Returns:
        What came out, and for each tap the beats, as bit strings, that went through it.
    """
    compile_design(job.build, folder, checker_files(job.build, folder))
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
        "mark": job.mark,
        "plusargs": [*QUIET, *job.wave_options],
    }
    (folder / "job.json").write_text(json.dumps(description))
    child = [sys.executable, "-m", "creator.simulation.cocotb_child"]
    root = str(Path(__file__).resolve().parents[2])
    paths = [str(resource_folder("sim")), root, os.environ.get("PYTHONPATH", "")]
    status, text = run_tool(child, folder, env={"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTEST_CURRENT_TEST": ""})
    _require_one_pass(folder, status, text, job)
    found = _record(folder / "trace.json", job)
    seen = list(zip(found["beats"], found["last"], found["cycles"], strict=True))
    return job.trace(seen, found["starts"]), found["taps"]


def _require_one_pass(folder: Path, status: int, text: str, job: Job) -> None:
    """cocotb exits with 0 after a failed test, a missing test module and no test at all: only the results file counts."""
    from cocotb_tools.check_results import get_results

    where = str(job.build.path)
    try:
        tests, failed = get_results(folder / "results.xml")
    except RuntimeError:
        raise CreatorError(f"the simulation did not run: {_reason(text)}", where, "try `creator doctor`") from None
    except (ParseError, ValueError, OSError) as error:
        raise CheckFailedError(f"cocotb's report results.xml cannot be read: {error}", where) from None
    if (tests, failed) != (1, 0):
        found = [line for line in text.splitlines() if "AssertionError" in line] or [_reason(text)]
        why = f": {found[-1].strip()}" if failed else ""
        raise CheckFailedError(f"the bench failed: {tests} tests ran, {failed} failed{why}", where)
    if status:
        raise CheckFailedError(f"the bench passed, but the simulator failed: {_reason(text)}", where)
    if not (folder / "trace.json").is_file():
        raise CheckFailedError("the bench passed, but wrote no results", where)


def _record(file: Path, job: Job) -> dict[str, Any]:
    """What the bench wrote, if it is whole and of this run."""
    try:
        found = json.loads(file.read_text())
        whole = len(found["beats"]) == len(found["last"]) == len(found["cycles"])
        whole = whole and {type(item) for item in [*found["cycles"], *found["starts"]]} <= {int}
        whole = whole and {type(item) for item in found["beats"]} <= {str} and isinstance(found["taps"], dict)
        mark = found["mark"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        whole, found, mark = False, {}, ""
    if not whole:
        raise CheckFailedError("trace.json is not what the bench writes", str(job.build.path))
    if mark != job.mark:
        raise CheckFailedError("the results are of another run: their mark is not that of this one", str(job.build.path))
    return dict(found)


def _reason(text: str) -> str:
    """Why cocotb's runner failed; it says what became of GHDL, which says nothing where it was killed."""
    text = "".join(line for line in text.splitlines(True) if " WARNING " not in line)
    if not text.strip():
        return "GHDL ended without an error, but there is no report of the bench"
    killed = re.search(r"return code: -(\d+)", text)
    if killed:
        return f"GHDL was killed by signal {killed[1]}"
    before, trouble, _ = text.partition("Traceback (most recent call last)")
    return text.rstrip().rpartition("\n")[2] if trouble and "error" not in before.lower() else first_error(text)

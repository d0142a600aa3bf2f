"""Programs that are run end when they have to, with all that they have started."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from creator import CreatorError
from creator.tools import run_tool


def runs(process: int) -> bool:
    """Whether a process is there and is no zombie that only waits for its parent to notice."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_what_a_program_started_ends_with_it(tmp_path: Path) -> None:
    script = "sleep 300 & echo $! > started; wait"
    with pytest.raises(CreatorError, match="did not end within 1 s"):
        run_tool(["sh", "-c", script], tmp_path, timeout=1)
    started = int((tmp_path / "started").read_text())
    until = time.monotonic() + 10
    while runs(started) and time.monotonic() < until:
        time.sleep(0.01)
    assert not runs(started)


def test_status_and_text_of_a_program(tmp_path: Path) -> None:
    assert run_tool(["sh", "-c", "echo out; echo err >&2; exit 3"], tmp_path) == (3, "out\nerr\n")
    status, text = run_tool(["sh", "-c", "echo out; echo $WORD >&2"], tmp_path, output=tmp_path / "o", env={"WORD": "err"})
    assert (status, text, (tmp_path / "o").read_text()) == (0, "err\n", "out\n")
    assert "WORD" not in os.environ


def test_a_program_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CreatorError, match="cannot be run: No such file"):
        run_tool(["/nowhere/program"], tmp_path)

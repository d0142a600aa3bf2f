"""A desk: the folder that a command is started in, with what a user may have there."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import creator


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Lets what the tests start be interrupted: a shell makes its background jobs, and all that they start, ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def desk(tmp_path: Path, small_graph: creator.Graph, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, ``desk``, with ``g.creator`` in it; beside it, ``precious``, which nothing may touch."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "desk").mkdir()
    monkeypatch.chdir(tmp_path / "desk")
    small_graph.save("g.creator")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.tex").write_text("precious")
    return tmp_path / "desk"

"""A desk: the folder that a command is started in, with what a user may have there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import creator


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

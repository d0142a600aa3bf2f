"""Options that make no sense: each is refused in one line that says which, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

import creator
from tests.bad_inputs import weights
from tests.bad_inputs.command import call, check_refused
from tests.bad_inputs.options import CASES, E, S, T, X

COMMANDS = ("translate", "estimate", "simulate", "synthesize", "export", "doctor")


@pytest.fixture
def built(desk: Path, small_graph: creator.Graph) -> Path:
    creator.translate(small_graph).write("b")
    Path("model.py").write_text(weights.MODEL)
    return desk


def test_there_are_enough_and_for_every_command() -> None:
    assert len(CASES) >= 40
    for command in COMMANDS:
        assert sum(line.startswith(command) for line in CASES) >= 3


@pytest.mark.parametrize("line", [T, E, S, X])
def test_without_the_bad_option_the_command_does_its_work(line: str, built: Path) -> None:
    assert call(*line.split()) == 0


@pytest.mark.parametrize("line", CASES, ids=[line[:60] or "nothing" for line in CASES])
def test_a_bad_option(line: str, tmp_path: Path, built: Path, capfd: pytest.CaptureFixture[str], record_property) -> None:
    arguments = [word if word != "|" else "" for word in line.split()]
    check_refused(arguments, [CASES[line]], tmp_path, capfd)
    record_property("bad inputs: options", 1)

"""Unsupported modules and functions: each is refused in one line that names the place, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

import creator.tracing  # noqa: F401 - importing torch.fx is no part of the time that a refusal takes
from tests.bad_inputs.command import call, check_refused
from tests.bad_inputs.modules import NAMES, SOURCE

LINE = ["--input-shape", "4", "-o", "b", "--quiet"]


def test_there_are_enough() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 20
    assert SOURCE.count(": lambda: ") == len(NAMES)


def test_without_one_the_model_is_translated(desk: Path) -> None:
    Path("model.py").write_text(SOURCE + "\n\ndef plain():\n    return body(torch.nn.Identity())\n")
    assert call("translate", "model.py:plain", *LINE) == 0


@pytest.mark.parametrize("name", NAMES)
def test_an_unsupported_module(
    name: str, tmp_path: Path, desk: Path, capfd: pytest.CaptureFixture[str], record_property
) -> None:
    Path("model.py").write_text(SOURCE)
    check_refused(["translate", f"model.py:make_{NAMES.index(name)}", *LINE], ["hint: "], tmp_path, capfd)
    record_property("bad inputs: modules", 1)

"""What several test folders share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

# The tests run in parallel already, on small tensors: threads of torch would only wait for each other.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
import torch

import creator
from creator import FixedPoint, nn


def small_model() -> torch.nn.Sequential:
    """Two linear layers and a table, the same weights every time."""
    torch.manual_seed(0)
    return torch.nn.Sequential(
        nn.Quantize(FixedPoint(8, 4)),
        nn.Linear(6, 5, weight=FixedPoint(6, 4), output=FixedPoint(8, 4)),
        nn.ReLU(),
        nn.Linear(5, 4, weight=FixedPoint(6, 4), output=FixedPoint(6, 3)),
        nn.Tanh(FixedPoint(7, 6)),
    ).eval()


@pytest.fixture(scope="session")
def small_graph() -> creator.Graph:
    """The graph of :func:`small_model`."""
    return creator.trace(small_model(), 6)


@pytest.fixture
def small_build(small_graph: creator.Graph, tmp_path: Path) -> Path:
    """A build folder of it that a test may damage."""
    return creator.translate(small_graph).write(tmp_path / "build")


@pytest.fixture
def edit(small_build: Path) -> Callable[..., None]:
    """Replaces text in a file of ``small_build``, which must have it."""

    def change(name: str, old: str, new: str) -> None:
        path = small_build / name
        text = path.read_text()
        assert old in text, f"{name} does not have {old!r}"
        path.write_text(text.replace(old, new, 1))

    return change


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how much the fuzz test compared."""
    counts = [
        value
        for report in terminalreporter.getreports("passed")
        if report.when == "call"
        for name, value in report.user_properties
        if name == "fuzz vectors"
    ]
    if counts:
        terminalreporter.write_line(
            f"fuzz: {len(counts)} random networks, {sum(counts)} vectors each compared 3 ways, 0 mismatches"
        )

"""What several test folders share."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

# The tests run in parallel already, on small tensors: threads of torch would only wait for each other.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
import torch

import creator
from creator import FixedPoint, nn
from tests import evidence


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


@pytest.fixture
def sabotaged(record_property: Callable[[str, object], None]) -> Callable[[int], None]:
    """Counts acts of sabotage that were caught, for the evidence."""
    return lambda count: record_property("sabotages", count)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--evidence", type=Path, metavar="FILE", help="add up what the tests show, and write it to FILE")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """With ``--evidence``: the counts of a run in which all passed, and a failure if one is too low."""
    path, reporter = session.config.getoption("evidence"), session.config.pluginmanager.get_plugin("terminalreporter")
    if path is None or exitstatus or hasattr(session.config, "workerinput"):
        return
    everything = not session.config.getoption("markexpr")
    passed = [report for report in reporter.getreports("passed") if report.when == "call"]
    counts = evidence.totals(passed)
    missing = evidence.shortfalls(counts, everything)
    if missing:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line("\n" + "\n".join(missing), red=True)
        return
    evidence.save(path, counts, len(passed), time.time() - reporter._session_start.time, everything)

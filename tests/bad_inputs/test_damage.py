"""Damaged graphs, vectors and weights: each is refused in one line that names the file, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

import creator
from creator import FixedPoint, nn
from creator.graph.storage import graph_bytes
from tests.bad_inputs import damage, weights
from tests.bad_inputs.command import call, check_refused
from tests.bad_inputs.damage import DAMAGES

GOOD = graph_bytes(damage.good())
GROUPS = ("TRUNCATED", "HEADERS", "ENTRIES", "VALUES", "TEXTS", "OTHERS")


def test_there_are_enough_and_none_hides_another() -> None:
    assert len(DAMAGES) + len(weights.UNFIT) + len(weights.FILES) >= 60
    assert len(DAMAGES) == sum(len(getattr(damage, group)) for group in GROUPS)
    made = [change(GOOD) for change in DAMAGES.values()]
    assert GOOD not in made
    assert len(set(made)) == len(made)


def test_without_damage_the_graph_is_accepted(desk: Path) -> None:
    """So that a refusal is for the damage and nothing else."""
    Path("good.creator").write_bytes(GOOD)
    assert call("translate", "good.creator", "-o", "b", "--quiet") == 0
    assert call("estimate", "good.creator", "--quiet") == 0
    assert call("simulate", "b", "--bench", "vhdl", "--quiet") == 0


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("old", [False, True], ids=["new folder", "old build"])
def test_a_damaged_graph(
    name: str, old: bool, tmp_path: Path, desk: Path, capfd: pytest.CaptureFixture[str], record_property
) -> None:
    Path("bad.creator").write_bytes(DAMAGES[name](GOOD))
    if old:
        creator.translate(damage.good()).write("b")
    check_refused(["translate", "bad.creator", "-o", "b", "--quiet"], ["bad.creator"], tmp_path, capfd)
    check_refused(["estimate", "bad.creator", "--quiet"], ["bad.creator"], tmp_path, capfd)
    record_property("bad inputs: damaged files", 1)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return creator.translate(damage.good()).write(tmp_path_factory.mktemp("build") / "b")


@pytest.mark.parametrize("name", DAMAGES)
def test_a_build_with_a_damaged_graph(
    name: str, tmp_path: Path, desk: Path, build: Path, capfd: pytest.CaptureFixture[str], record_property
) -> None:
    (build / "graph.creator").write_bytes(DAMAGES[name](GOOD))
    check_refused(["simulate", str(build), "--bench", "vhdl", "--quiet"], ["graph.creator"], build, capfd)
    record_property("bad inputs: damaged files", 1)


# Weights.


def model() -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(nn.Quantize(FixedPoint(8, 4)), nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU())


LINE = ["translate", "model.py:make", "--input-shape", "6", "--weights", "w.safetensors", "-o", "b", "--quiet"]


def test_without_damage_the_weights_are_accepted(desk: Path) -> None:
    Path("model.py").write_text(weights.MODEL)
    Path("w.safetensors").write_bytes(save(weights.fitting(model())))
    assert call(*LINE) == 0


@pytest.mark.parametrize("name", [*weights.UNFIT, *weights.FILES])
def test_damaged_weights(name: str, tmp_path: Path, desk: Path, capfd: pytest.CaptureFixture[str], record_property) -> None:
    state = weights.fitting(model())
    changed = weights.fitting(model())
    content = weights.FILES[name](changed) if name in weights.FILES else save(weights.UNFIT[name](changed))
    assert content not in (save(state), save(state, {"format": "pt"}))
    Path("model.py").write_text(weights.MODEL)
    Path("w.safetensors").write_bytes(content)
    check_refused(LINE, [], tmp_path, capfd)
    record_property("bad inputs: damaged files", 1)


# Vectors.

ARRAYS = {
    "NaN": np.full((2, 4), np.nan),
    "infinities": np.full((2, 4), np.inf),
    "codes one too high": np.full((2, 4), 128),
    "the least int64": np.full((2, 4), -(1 << 63)),
    "the largest uint64": np.full((2, 4), (1 << 64) - 1, np.uint64),
    "halves": np.full((2, 4), 0.5),
    "integers in float64": np.zeros((2, 4)),
    "bool": np.zeros((2, 4), bool),
    "complex": np.zeros((2, 4), complex),
    "text": np.full((2, 4), "1"),
    "bytes": np.full((2, 4), b"1"),
    "dates": np.zeros((2, 4), "datetime64[s]"),
    "records": np.zeros((2, 4), [("a", np.int64)]),
    "one sample without a batch": np.zeros(4, np.int64),
    "one axis more": np.zeros((2, 4, 1), np.int64),
    "one element more": np.zeros((2, 5), np.int64),
    "no samples": np.zeros((0, 4), np.int64),
    "no elements": np.zeros((2, 0), np.int64),
    "a number": np.array(5),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_unfit_vectors(name: str, tmp_path: Path, desk: Path, capfd: pytest.CaptureFixture[str], record_property) -> None:
    creator.translate(damage.good()).write("b")
    np.save("x.npy", ARRAYS[name], allow_pickle=False)
    check_refused(["simulate", "b", "--bench", "vhdl", "--inputs", "x.npy", "--quiet"], ["input vectors"], tmp_path, capfd)
    record_property("bad inputs: damaged files", 1)

"""Profiles of pauses, and resets: a network that works gets through all of them, and each of them does pause."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import creator
from creator import CreatorError
from creator.graph.vectors import check_vectors
from creator.simulation.stalls import PROFILES

# Profiles that differ from `random` in the chance alone; cocotb takes a second to start.
OTHER_CHANCES = ("rare", "some", "most")


@pytest.mark.parametrize(
    ("bench", "profile"),
    [
        pytest.param(bench, profile, marks=[pytest.mark.extended] if bench == "cocotb" and profile in OTHER_CHANCES else [])
        for bench in ("cocotb", "vhdl")
        for profile in PROFILES
    ],
)
def test_every_profile_gives_the_same_outputs(small_build: Path, small_graph, bench: str, profile: str) -> None:
    x = check_vectors(small_graph, 20, seed=1)
    run = creator.simulate(small_build, x, bench=bench, stalls=profile, resets=20 if bench == "vhdl" else 3)
    assert run.passed
    assert np.array_equal(run.outputs, small_graph.run(x))
    assert (run.interval is None) == (profile != "none")


def test_profiles_take_their_times(tmp_path: Path, small_graph) -> None:
    # A beat a cycle, so that no pause is hidden.
    folder = creator.translate(small_graph, "full-lanes").write(tmp_path / "build")
    x = check_vectors(small_graph, 200, seed=1)
    took = {name: creator.simulate(folder, x, bench="vhdl", stalls=name).cycles for name in PROFILES}
    assert len(set(took.values())) == len(took)
    assert all(took["none"] < cycles for name, cycles in took.items() if name != "none")
    assert took["rare"] < took["some"] < took["random"] < took["most"]


@pytest.mark.parametrize("stalls", [-1, 1 << 31, "often", 0.5, None, "slow"])
def test_other_stalls_are_refused(small_build: Path, stalls: object) -> None:
    with pytest.raises(CreatorError, match="is neither a whole number from 0 to"):
        creator.simulate(small_build, stalls=stalls)  # type: ignore[arg-type]


@pytest.mark.parametrize("resets", [-1, 1.5, "x"])
def test_other_resets_are_refused(small_build: Path, resets: object) -> None:
    with pytest.raises(CreatorError, match=r"resets=.* is not a whole number"):
        creator.simulate(small_build, resets=resets)  # type: ignore[arg-type]

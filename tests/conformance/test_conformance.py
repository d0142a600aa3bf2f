"""Every case of every operation through every stage: PyTorch, graph, lowered graph, VHDL at full speed, stalled, reset.

A case that is a graph from the start has no model; exact arithmetic on Python's integers takes the place of PyTorch.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import creator
from creator.graph.vectors import check_vectors
from creator.ops import REGISTRY
from creator.simulation.stalls import PROFILES
from tests.cases import Case, GraphCase

VECTORS = 40
RESETS = 64
OVERHEAD = 4  # cycles by which an interval may exceed the plan

ALL = [
    pytest.param(case, op, id=f"{op}: {case.name}")
    for op in sorted(REGISTRY)
    for case in importlib.import_module(f"tests.cases.{op}").CASES
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory):
    """Translates each case once."""
    done: dict[int, tuple[creator.Graph, creator.Design, Path]] = {}

    def build(case: Case | GraphCase):
        if id(case) not in done:
            graph = case.graph()
            design = creator.translate(graph, **case.options)
            done[id(case)] = graph, design, design.write(tmp_path_factory.mktemp("case") / "build")
        return done[id(case)]

    return build


@pytest.fixture
def count(record_property):
    """Counts a simulation as evidence."""

    def add(run: creator.Run) -> None:
        record_property("conformance runs", 1)
        record_property("conformance values", run.compared)

    return add


@pytest.mark.parametrize(("case", "op"), ALL)
def test_torch_equals_graph_equals_lowered_graph(case: Case | GraphCase, op: str, built, record_property) -> None:
    graph, design, _ = built(case)
    assert op in {node.op.name for node in graph.nodes} or op in ("reshape", "clamp")
    x = check_vectors(graph, 300, seed=1)
    expected = case.expected(graph, x)
    assert np.array_equal(graph.run(x), expected)
    assert np.array_equal(design.plan.run(x), expected)
    low, high = graph.intervals[graph.output]
    assert low <= expected.min()
    assert expected.max() <= high
    record_property("conformance cases", 1)


@pytest.mark.parametrize(("case", "op"), ALL)
def test_vhdl_at_full_speed(case: Case | GraphCase, op: str, built, count) -> None:
    graph, design, folder = built(case)
    x = check_vectors(graph, VECTORS, seed=2)
    run = creator.simulate(folder, x, bench="vhdl")
    assert run.mismatches == 0, run.first
    assert run.compared == len(x) * graph.output_type.size
    assert np.array_equal(run.outputs, graph.run(x))
    assert run.latency == design.latency
    assert design.interval <= run.interval <= design.interval + OVERHEAD
    count(run)


PLACE = {id(param.values[0]): place for place, param in enumerate(ALL)}
"""In turn, each case meets some of the profiles and resets in `make test`, and all of them in `make test-all`."""
SOME = 2
NAMES = tuple(PROFILES)
RESET_RUNS = ((1, 0), ("none", RESETS), (2, 0), ("random", RESETS))


def pause(case: Case | GraphCase, built, count, profiles: Sequence[str]) -> None:
    """Simulates the case with each of the profiles of pauses."""
    graph, _, folder = built(case)
    x = check_vectors(graph, VECTORS // 4, seed=3)
    for profile in profiles:
        run = creator.simulate(folder, x, bench="vhdl", stalls=profile)
        assert run.mismatches == 0, f"{profile}: {run.first}"
        assert run.compared >= len(x) * graph.output_type.size
        count(run)


@pytest.mark.parametrize(("case", "op"), ALL)
def test_vhdl_with_some_profiles_of_pauses(case: Case | GraphCase, op: str, built, count) -> None:
    pause(case, built, count, [NAMES[(SOME * PLACE[id(case)] + i) % len(NAMES)] for i in range(SOME)])


@pytest.mark.extended
@pytest.mark.parametrize(("case", "op"), ALL)
def test_vhdl_with_every_profile_of_pauses(case: Case | GraphCase, op: str, built, count) -> None:
    pause(case, built, count, NAMES)


def reset(case: Case | GraphCase, built, count, runs: Sequence[tuple[int | str, int]]) -> None:
    """Simulates the case with resets in each of the first cycles, and in the middle of a frame."""
    graph, _, folder = built(case)
    x = check_vectors(graph, VECTORS // 4, seed=4)
    # More than a frame and a half, so that stages and stream registers are full when the reset comes.
    cut = min(graph.input_type.size * 3 // 2 + 16, x.size - 1)
    for stalls, resets in runs:
        run = creator.simulate(folder, x, bench="vhdl", stalls=stalls, interrupt=cut, resets=resets)
        assert run.mismatches == 0, run.first
        assert run.compared >= len(x) * graph.output_type.size
        count(run)


@pytest.mark.parametrize(("case", "op"), ALL)
def test_vhdl_after_a_kind_of_reset(case: Case | GraphCase, op: str, built, count) -> None:
    place = PLACE[id(case)] % len(RESET_RUNS)
    reset(case, built, count, RESET_RUNS[place : place + 1])


@pytest.mark.extended
@pytest.mark.parametrize(("case", "op"), ALL)
def test_vhdl_after_every_kind_of_reset(case: Case | GraphCase, op: str, built, count) -> None:
    reset(case, built, count, RESET_RUNS)

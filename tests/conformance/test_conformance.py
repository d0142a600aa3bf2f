"""Every case of every operation through every stage: PyTorch, graph, lowered graph, VHDL at full speed, stalled, reset.

A case that is a graph from the start has no model; exact arithmetic on Python's integers takes the place of PyTorch.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

import creator
from creator.graph.vectors import check_vectors
from creator.ops import REGISTRY
from creator.simulation.stalls import PROFILES
from tests.cases import Case, GraphCase

VECTORS, LEAST = 40, 8  # the latter where frames take long
CYCLES = 2000  # of a simulation, if the vectors allow it
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
    x = check_vectors(graph, max(LEAST, min(VECTORS, CYCLES // design.interval)), seed=2)
    run = creator.simulate(folder, x, bench="vhdl")
    assert run.mismatches == 0, run.first
    assert run.compared == len(x) * graph.output_type.size
    assert np.array_equal(run.outputs, graph.run(x))
    assert run.latency == design.latency
    assert design.interval <= run.interval <= design.interval + OVERHEAD
    count(run)


PLACE = {id(param.values[0]): place for place, param in enumerate(ALL)}
"""In turn, each case meets one or two of the profiles and of the resets in `make test`, and all in `make test-all`."""
NAMES = tuple(PROFILES)
RESET_RUNS = ((1, 0), ("none", RESETS), (2, 0), ("random", RESETS))


def simulated(case: Case | GraphCase, built, count, stalls: int | str, tries: int | None, seed: int) -> None:
    """Simulates the case with pauses; before that, if ``tries`` are given, so many that a reset ends, and one in mid-frame."""
    graph, _, folder = built(case)
    x = check_vectors(graph, VECTORS // 4, seed=seed)
    # More than a frame and a half, so that stages and stream registers are full when the reset comes.
    cut = min(graph.input_type.size * 3 // 2 + 16, x.size - 1)
    resets = {} if tries is None else {"interrupt": cut, "resets": tries}
    run = creator.simulate(folder, x, bench="vhdl", stalls=stalls, **resets)
    assert run.mismatches == 0, f"{stalls}, {resets}: {run.first}"
    assert run.compared >= len(x) * graph.output_type.size
    count(run)


KINDS = [(profile, tries) for tries in (0, RESETS, None) for profile in NAMES if (profile, tries) != ("none", None)]
TWICE = ("linear", "conv", "add", "concatenate")  # what has rings, banks, forks and queues to fill and to clear


@pytest.mark.parametrize(("case", "op"), ALL)
def test_vhdl_with_pauses_after_resets(case: Case | GraphCase, op: str, built, count) -> None:
    """One simulation has both: what a reset leaves must not show, whatever the pauses. One of three is without a reset."""
    place = PLACE[id(case)]
    for kind in (place, place + len(KINDS) // 2)[: 2 if op in TWICE else 1]:
        simulated(case, built, count, *KINDS[kind % len(KINDS)], seed=3)


@pytest.mark.extended
@pytest.mark.parametrize(("case", "op"), ALL)
def test_vhdl_with_every_profile_of_pauses(case: Case | GraphCase, op: str, built, count) -> None:
    for profile in NAMES:
        simulated(case, built, count, profile, None, seed=3)


@pytest.mark.extended
@pytest.mark.parametrize(("case", "op"), ALL)
def test_vhdl_after_every_kind_of_reset(case: Case | GraphCase, op: str, built, count) -> None:
    for stalls, tries in RESET_RUNS:
        simulated(case, built, count, stalls, tries, seed=4)

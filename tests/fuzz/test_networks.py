"""Random networks: PyTorch or exact arithmetic, the graph and the VHDL agree on random and corner vectors.

Replay a failure with ``python -m tests.fuzz KIND SEED``, as the test is named.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, Overflow, nn
from creator.ops import REGISTRY, Rescale
from creator.ops.base import Interval
from creator.ops.rescale import centred
from creator.simulation.stalls import NAMES
from tests.fuzz import branches
from tests.fuzz.explore import explore, simulate_networks
from tests.fuzz.trial import Trial
from tests.oracle import ROUNDINGS

ROOT = Path(__file__).parents[2]
MANY = {"mlp": 96, "scales": 96, "large": 2}  # samples of each network in `make test`, or as many as its kind has
FEW = 32  # of each of the others, in `make test-all`
EACH = 10  # networks of a seed, besides the simplest
QUICK = {"mlp": 10, "scales": 10, "large": 3, "ends": 8, "cnn": 6, "branches": 8}  # seeds of `make test`
ALL = {"mlp": 500, "scales": 500, "large": 20, "ends": 300, "cnn": 200, "branches": 300}
COCOTB = {"mlp": 1, "scales": 1, "ends": 1, "branches": 1}
ALL_COCOTB = {"mlp": 2, "scales": 2, "ends": 1, "branches": 1}
IN_COCOTB = 16  # samples of each network: that bench is slow


def seeds(quick: dict[str, int], all: dict[str, int]) -> list:
    extended = [pytest.mark.extended]
    return [
        pytest.param(kind, seed, id=f"{kind} {seed}", marks=extended if seed >= quick[kind] else [])
        for kind, number in all.items()
        for seed in range(number)
    ]


@pytest.mark.parametrize(("kind", "seed"), seeds(QUICK, ALL))
def test_random_networks(kind: str, seed: int, record_property) -> None:
    networks, samples = simulate_networks(kind, seed, EACH, vectors=MANY.get(kind, 256) if seed < QUICK[kind] else FEW)
    assert networks > EACH // 2, "too few networks differ"
    record_property("fuzz networks", networks)
    record_property("fuzz samples", samples)


@pytest.mark.parametrize(("kind", "seed"), seeds(COCOTB, ALL_COCOTB))
def test_random_networks_in_cocotb(kind: str, seed: int, record_property) -> None:
    networks, _ = simulate_networks(kind, 1000 + seed, EACH, "cocotb", IN_COCOTB)
    record_property("fuzz networks in cocotb", networks)


@functools.cache
def explored(kind: str) -> list[Trial]:
    """The networks that ``make test`` simulates."""
    found: list[Trial] = []
    for seed in range(QUICK[kind]):
        explore(kind, seed, EACH, found.append)
    return found


def plan_features(trial: Trial) -> set[str]:
    """What the hardware of a network is made of, and how it is simulated."""
    seen = {trial.stalls, f"interrupt {trial.interrupt > 0}", f"resets {trial.resets > 0}"}
    for core in trial.design().plan.cores:
        linear = core.node.op.name == "linear"
        seen |= {"packed"} if core.lanes.packed else set()
        seen |= {"pipelined"} if core.lanes.pipelined else set()
        seen.add("stores" if core.stores else "streams" if linear else "elementwise")
        seen.add(f"places {min(3, len(core.adapter.places))}" if core.adapter else "no adapter")
        seen |= {"remainder"} if core.input_type.size % core.lanes.input else set()
        seen |= {"stream register"} if core.registered else set()
        seen |= {"tree"} if linear and core.lanes.input > 2 else set()
        seen |= {str(node.op.overflow) for node in trial.graph.nodes if node.op.name == "linear"}
    return seen


PLAN = {
    "packed",
    "stores",
    "streams",
    "elementwise",
    "no adapter",
    "remainder",
    "stream register",
    "tree",
    "places 1",
    "places 2",
}
PLAN |= {"pipelined", "places 3", *NAMES, *(f"{name} {yes}" for name in ("interrupt", "resets") for yes in (True, False))}


def test_the_mlps_cover_what_they_should() -> None:
    """Depths, sizes, every rounding, overflow, activation, bias and normalisation, and all parts of the hardware."""
    seen: set[str] = set()
    for trial in explored("mlp"):
        linears = [node for node in trial.graph.nodes if node.op.name == "linear"]
        seen |= plan_features(trial) | {f"depth {len(linears)}", *(node.op.name for node in trial.graph.nodes)}
        for node in linears:
            seen |= {str(node.op.rounding), f"bias {bool(node.op.bias.any())}", f"{node.op.weight_format.total_bits} bits"}
            seen |= {f"{axis} {size}" for axis, size in zip("mn", node.op.weight.shape, strict=True)}
    expected = {f"depth {n}" for n in range(1, 5)} | {str(mode) for mode in [*ROUNDINGS, *Overflow]} | PLAN
    expected |= {"bias True", "bias False", "lookup", "quantize", *(f"{axis} {n}" for axis in "mn" for n in (1, 13, 16))}
    assert expected <= seen, expected - seen


def graph_features(graph: creator.Graph) -> set[str]:
    seen = {type(graph.input_format).__name__ + " in", type(graph.output_format).__name__ + " out"}
    for node in graph.nodes:
        seen.add(node.op.name)
        if isinstance(node.op, Rescale):
            (x,), scaling = graph.input_types(node), node.op.scaling
            channels = "one factor" if len(scaling.factors) == 1 else "factors"
            parts = node.op.multiplier_stages(x) - (len(scaling.factors) > 1)
            seen |= {str(node.op.rounding), channels, f"{parts} stages", f"{len(x.shape)} axes"}
            seen |= {"zero in"} if centred(Interval(0, 0), x.format).low else set()
            seen |= {"zero out"} if node.op.zero_point else set()
            seen |= {"appends"} if scaling.shift < 0 else set()
    return seen


def test_the_scales_cover_what_they_should() -> None:
    trials = explored("scales")
    seen = set().union(*(graph_features(trial.graph) | plan_features(trial) for trial in trials))
    expected = {"Affine in", "Affine out", "FixedPoint in", "FixedPoint out", "one factor", "factors", "zero in", "zero out"}
    expected |= {"linear", "rescale", "lookup", "reshape", "1 axes", "2 axes", *map(str, ROUNDINGS)} | PLAN
    expected |= {f"{stages} stages" for stages in (0, 1, 2, 3, 4)}
    assert expected <= seen, expected - seen


def test_the_branches_cover_what_they_should() -> None:
    """Forks and joins of every operation, nested, with queues, registers and adapters, and every kind of pauses."""
    seen: set[str] = set()
    for trial in explored("branches"):
        found = branches.numbers(trial)
        seen |= {trial.stalls, *(node.op.name for node in trial.graph.nodes), *(name for name, count in found.items() if count)}
        seen |= {f"{name} of {min(count, 3)}" for name, count in found.items()}
        for core in trial.design().plan.cores:
            if core.node.op.name in ("concatenate", "slice"):
                seen.add(f"{core.node.op.name} {'turns' if core.lanes.input == core.lanes.output else 'whole runs'}")
    expected = {"linear", "lookup", "quantize", "add", "multiply", "concatenate", "slice", *NAMES}
    expected |= {"forks of 3", "joins of 3", "queues of 2", "registers", "adapters", "deepest of 3"}
    expected |= {f"{name} {way}" for name in ("concatenate", "slice") for way in ("turns", "whole runs")}
    assert expected <= seen, expected - seen


def test_the_ends_cover_what_they_should() -> None:
    """Rows in part, whole and several in a beat, last beats that carry fewer, ties, and results that are regrouped."""
    seen: set[str] = set()
    for trial in explored("ends"):
        seen |= {trial.stalls}
        for core in trial.design().plan.cores:
            x, row, name = core.input_type, core.input_type.shape[-1], core.node.op.name
            lanes = core.lanes.input
            kind = "part" if lanes < row else "whole" if lanes == row else "several"
            seen |= {f"{name} {kind}", f"{name} {len(x.shape)} axes", f"{name} signed {x.format.signed}"}
            seen |= {f"{name} short"} if x.size == row and row % lanes else set()
            seen |= {"no adapter"} if core.adapter is None else {"adapter"}
            seen |= {f"{name} of one"} if row == 1 else set()
    expected = {"no adapter", "adapter", *NAMES}
    for name in ("argmax", "top1"):
        kinds = ("part", "whole", "several", "short", "1 axes", "2 axes", "3 axes", "signed True", "signed False", "of one")
        expected |= {f"{name} {kind}" for kind in kinds}
    assert expected <= seen, expected - seen


def test_every_operation_occurs() -> None:
    """A new operation must join the generators."""
    trials = [trial for kind in QUICK for trial in explored(kind)]
    assert {node.op.name for trial in trials for node in trial.traced.nodes} == set(REGISTRY)


TEXTS = """
from tests.fuzz import branches
from tests.fuzz.explore import explore
found = []
explore("mlp", 0, 10, lambda trial: found.append(str(trial)))
explore("scales", 0, 10, lambda trial: found.append(str(trial)))
print("".join(found), end="")
"""


def test_a_seed_means_the_same_networks_in_every_process() -> None:
    """Python gives each process a hash seed of its own; two that differ for certain would not show more."""
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    done = subprocess.run([sys.executable, "-c", TEXTS], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[str] = []
    for kind in ("mlp", "scales"):
        explore(kind, 0, EACH, lambda trial: found.append(str(trial)))
    assert done.stdout == "".join(found)


def test_a_failure_shrinks_to_the_smallest_network_that_fails() -> None:
    """Say that linear layers of three rows fail: what is left is such a layer of one column, and little more."""
    failed: list[Trial] = []

    def check(trial: Trial) -> None:
        if 3 in [len(node.op.weight) for node in trial.traced.nodes if node.op.name == "linear"]:
            failed.append(trial)
            raise AssertionError("broken")

    with pytest.raises(AssertionError, match="broken") as caught:
        explore("scales", 5, 100, check)
    smallest = failed[-1].traced
    assert [node.op.name for node in smallest.nodes] == ["linear", "rescale"]
    assert smallest.nodes[0].op.weight.shape == (3, 1)
    assert smallest.text() in "\n".join(caught.value.__notes__)


@pytest.mark.extended
def test_a_wrong_network_is_found_and_kept(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the VHDL alone, nothing is rounded up."""
    write = creator.Design.write

    def wrong(design: creator.Design, folder):
        build = write(design, folder)
        for path in build.rglob("*.vhd"):
            path.write_text(path.read_text().replace("carry(0) <= wide", "carry(0) <= '0' and wide"))
        return build

    monkeypatch.setattr(creator.Design, "write", wrong)
    with pytest.raises((AssertionError, CreatorError)):
        simulate_networks("mlp", 2, EACH, keep=tmp_path / "kept")
    run = creator.simulate(tmp_path / "kept", bench="vhdl")
    assert run.mismatches
    assert run.edited


def test_refusals_stay_refusals() -> None:
    """Sums beyond 52 bits are refused by name, not computed approximately."""
    wide = torch.nn.Sequential(nn.Quantize(FixedPoint(30, 0)), nn.Linear(8, 2, weight=FixedPoint(24, 0)))
    torch.nn.init.constant_(wide[1].weight, 1e7)
    with pytest.raises(CreatorError, match=r"^1: its sums need \d+ bits"):
        creator.trace(wide, (8,))

"""The plan: cores in order, their cycles, and what cannot be planned."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import creator
from creator import CreatorError, FixedPoint, Rounding
from creator.affine import Affine, Format
from creator.graph import Graph, Node
from creator.graph.vectors import check_vectors
from creator.ops import Clamp, Lanes, Permute, Reshape, TensorType, Timing
from creator.schedule import estimate_plan, schedule
from tests.graph.chains import IN, chain, linear, of_everything, quantize, rescale, table
from tests.graph.ends import of_ends

F = FixedPoint
EVERYTHING = pytest.mark.parametrize("graph", [of_everything(), of_ends()], ids=["everything", "ends"])


def test_every_node_with_hardware_is_a_core() -> None:
    graph = of_everything()
    plan = schedule(graph)
    assert plan.verify() is plan
    assert [core.node.op.name for core in plan.cores] == [
        *("linear", "clamp", "quantize", "slice", "concatenate", "multiply", "add", "lookup", "slope", "polynomial", "rescale")
    ]
    assert [core.input_type for core in plan.cores] == [graph.type_of(core.node.inputs[0]) for core in plan.cores]
    assert all(core.lanes == Lanes(1, 1) and core.adapter is None for core in plan.cores)


@EVERYTHING
def test_a_plan_runs_as_its_graph(graph: Graph) -> None:
    x = check_vectors(graph, 20)
    assert np.array_equal(schedule(graph).run(x), graph.run(x))


@pytest.mark.parametrize(
    ("op", "timing"),
    [
        (linear(12, 5), Timing(60, 60 + 5 + 2)),
        (linear(12, 5, rounding=Rounding.FLOOR), Timing(60, 60 + 5 + 1)),
        (linear(12, 5, output=F(20, 8)), Timing(60, 60 + 5 + 1)),
        (linear(12, 5, output=F(20, 7)), Timing(60, 60 + 5 + 2)),
        (linear(12, 1), Timing(12, 5 + 2)),
        (Clamp(0, 5), Timing(12, 1)),
        (quantize(F(4, 3)), Timing(12, 2)),
        (quantize(F(4, 3), Rounding.FLOOR), Timing(12, 1)),
        (quantize(F(9, 5)), Timing(12, 1)),
        (quantize(F(9, 4)), Timing(12, 1)),
        (table(), Timing(12, 2)),
        (rescale([3], 5, F(4, 0)), Timing(12, 2 + 2)),
        (rescale([3], 5, F(4, 0), Rounding.FLOOR), Timing(12, 2 + 1)),
        (rescale([3], 5, Affine(0.1, 1, 4), Rounding.FLOOR), Timing(12, 2 + 2)),
        (rescale([3], 0, F(4, 0)), Timing(12, 2 + 1)),
        (rescale([8], 5, F(4, 0)), Timing(12, 2)),
        (rescale([8], 3, F(4, 0)), Timing(12, 1)),
        (rescale([8], 2, F(4, 0)), Timing(12, 1)),
        (rescale([8], 3, Affine(0.1, 1, 4)), Timing(12, 2)),
        (rescale([0], 3, F(4, 0)), Timing(12, 2 + 2)),
        (rescale([3] * 12, 5, F(4, 0)), Timing(12, 2 + 2)),
        (rescale([3, 5] * 6, 5, F(4, 0)), Timing(12, 4 + 2)),
        (rescale([2**17 - 1], 5, F(4, 0)), Timing(12, 2 + 2)),
        (rescale([2**17 + 1], 5, F(4, 0)), Timing(12, 3 + 2)),
        (rescale([2**18], 5, F(4, 0)), Timing(12, 1)),
    ],
    ids=str,
)
def test_the_cycles_of_one_core(op, timing: Timing) -> None:
    plan = schedule(chain(op, shape=(12,)))
    (core,) = plan.cores
    assert core.timing == timing
    assert not core.registered
    assert plan.interval == timing.interval
    assert plan.latency == 11 + timing.delay


@pytest.mark.parametrize(
    ("entry", "factor", "stages"),
    [
        (F(18, 0), 3, 2),
        (F(19, 0), 3, 3),
        (F(17, 0, signed=False), 3, 2),
        (F(18, 0, signed=False), 3, 3),
        (F(35, 0), 3, 3),
        (F(36, 0), 3, 4),
        (F(36, 0), 2**18 + 1, 5),
        (F(30, 0), 2**31 - 1, 4),
        (Affine(0.1, -4, 18), 3, 3),
        (Affine(0.1, -4, 18), 1, 1),
        (Affine(0.1, 2**17, 18, signed=False), 3, 2),
    ],
    ids=str,
)
def test_wide_operands_and_factors_are_multiplied_in_parts(entry: Format, factor: int, stages: int) -> None:
    (core,) = schedule(chain(rescale([factor], 9, F(4, 0)), entry=entry)).cores
    assert core.timing.delay == stages + 2


def test_the_slowest_core_sets_the_interval_and_all_delays_add_up() -> None:
    plan = schedule(chain(linear(6, 5), linear(5, 9), linear(9, 2), shape=(6,)))
    assert [core.timing.interval for core in plan.cores] == [30, 45, 18]
    assert plan.interval == 45
    assert plan.latency == 5 + (30 + 7) + (45 + 7) + (18 + 7)


def test_the_input_can_be_slowest() -> None:
    assert schedule(chain(linear(7, 1), shape=(7,))).interval == 7
    assert schedule(chain(linear(4, 1), linear(1, 2))).interval == 4


def test_stream_registers_stand_between_cores_that_pass_ready_through() -> None:
    plan = schedule(chain(Clamp(0, 9), table(IN), linear(), Clamp(0, 9), table(IN), linear(3, 3)))
    assert [core.registered for core in plan.cores] == [False, True, False, False, True, False]
    assert plan.latency == 3 + sum(core.timing.delay for core in plan.cores) + 2


def test_reshapes_cost_nothing() -> None:
    bare = schedule(chain(Clamp(0, 9), linear()))
    shaped = schedule(chain(Reshape((2, 2)), Clamp(0, 9), Reshape((4,)), linear()))
    assert (shaped.interval, shaped.latency) == (bare.interval, bare.latency)
    assert [core.registered for core in shaped.cores] == [core.registered for core in bare.cores]


def test_the_plan_as_a_table() -> None:
    plan = schedule(chain(linear(4, 3), table(), paths=("fc", "body.act")))
    lines = estimate_plan(plan).text().splitlines()
    assert [line.split()[:-4] for line in lines[:3]] == [
        ["core", "from", "operation", "shape", "lanes", "cycles", "share", "multipliers"],
        ["fc", "fc", "linear", "4", "->", "3", "1x1", "12", "100%", "1"],
        ["body_act", "body.act", "lookup", "3", "->", "3", "1x1", "3", "25%", "0"],
    ]
    assert lines[3].split()[:3] == ["total", "12", "1"]
    clock = "clock 150 MHz or more, 12,500,000 inferences/s"
    assert lines[4] == f"interval 12 cycles, latency 24 cycles; cells estimated for ecp5; {clock}"


def test_a_clock_is_given_only_as_far_as_it_was_measured() -> None:
    graph = chain(linear(13, 8), shape=(13,))
    assert estimate_plan(schedule(graph, lanes={"layer.0": (12, 8)})).clock_mhz == 150
    assert estimate_plan(schedule(graph, lanes={"layer.0": (13, 8)})).clock_mhz == 0
    assert "clock" not in estimate_plan(schedule(graph, lanes={"layer.0": (13, 8)})).text()


@pytest.mark.parametrize("path", ["a\nb", "a\r\nb\u2028c", "\ud800"], ids=ascii)
def test_a_core_takes_one_line_of_plain_text_whatever_its_path(path: str) -> None:
    text = estimate_plan(schedule(chain(linear(), paths=(path,)))).text()
    text.encode()
    assert len(text.splitlines()) == 4


@pytest.mark.parametrize("parallelism", ["full", "", "Serial", 4.0, True, [1]])
def test_another_parallelism_is_refused(parallelism: object) -> None:
    with pytest.raises(CreatorError, match=r"^schedule: parallelism=.* is unknown .hint: use"):
        schedule(chain(linear()), parallelism)  # type: ignore[arg-type]


@pytest.mark.parametrize("graph", [chain(), chain(Reshape((2, 2)))], ids=["no node", "no core"])
def test_nothing_to_build_is_refused(graph: Graph) -> None:
    with pytest.raises(CreatorError, match="computes nothing"):
        schedule(graph)


def branching(output: str) -> Graph:
    kind = TensorType((4,), IN)
    nodes = (Node("a", Clamp(0, 9), ("input",), kind), Node("b", Clamp(0, 5), ("input",), kind))
    return Graph("input", kind, nodes, output).verify()


def test_a_core_that_nothing_reads_is_refused() -> None:
    with pytest.raises(CreatorError, match=r"^a: computes what nothing reads"):
        schedule(branching("b"))


def test_an_output_in_the_middle_is_refused() -> None:
    graph = dataclasses.replace(chain(Clamp(0, 9), Clamp(0, 5)), output="layer_0")
    with pytest.raises(CreatorError, match=r"^layer.0: is read behind the network's output"):
        schedule(graph)


def test_a_plan_with_other_cores_than_its_graph_is_refused() -> None:
    plan = schedule(chain(linear(), Clamp(0, 5)))
    for cores in (plan.cores[:1], plan.cores[::-1], ()):
        with pytest.raises(CreatorError, match="cores are not the graph's nodes"):
            dataclasses.replace(plan, cores=cores).verify()


@pytest.mark.parametrize(
    "options",
    [
        {"parallelism": {"fps": 1e-300, "clock_mhz": 1e300}},
        {"parallelism": {"fps": 10**400, "clock_mhz": 1}},
        {"parallelism": -(10**5000)},
        {"parallelism": np.array([1, 2])},
        {"packing": np.array([True, False])},
        {"packing": "no"},
        {"packing": 1},
        {"pipelining": 1},
        {"pipelining": None},
        *(
            {"lanes": {"layer.0": lanes}}
            for lanes in (2.5, None, np.array(2), object(), {2, 3}, b"12", (10**5000, 1), "21", True)
        ),
        *({"lanes": lanes} for lanes in ([("layer.0", (2, 1))], "layer.0", 5, True)),
        {"lanes": {"layer.0": (2, 1), "layer_0": (1, 1)}},
    ],
    ids=lambda options: str(list(options)),
)
def test_other_options_are_refused_in_a_line(options: dict) -> None:
    with pytest.raises(CreatorError) as refused:
        schedule(chain(linear(4, 3), Clamp(0, 5)), **options)
    assert "\n" not in str(refused.value)


def test_the_slowest_core_is_named_where_several_stand_for_one_layer() -> None:
    graph = chain(quantize(F(6, 2)), Permute((1, 0)), quantize(F(5, 2)), shape=(3, 4))
    nodes = tuple(dataclasses.replace(node, paths=("layer",)) for node in graph.nodes)
    with pytest.raises(CreatorError, match=r"^layer: with all the lanes that it can have it takes 12 cycles, more than 5"):
        schedule(dataclasses.replace(graph, nodes=nodes), parallelism=5)


def test_the_name_of_a_core_goes_before_the_path_of_its_layer() -> None:
    graph = chain(quantize(F(6, 2)), quantize(F(5, 2)), quantize(F(4, 2)), shape=(6,))
    paths = (("u",), ("u",), ("v",))
    nodes = tuple(dataclasses.replace(node, paths=path) for node, path in zip(graph.nodes, paths, strict=True))
    graph = dataclasses.replace(graph, nodes=nodes)
    first, second, _ = (node.name for node in nodes)
    lanes = {core.node.name: core.lanes.input for core in schedule(graph, lanes={first: 2, "u": 3}).cores}
    assert (lanes[first], lanes[second]) == (2, 3)
    with pytest.raises(CreatorError, match=r"^v: its lanes are given twice"):
        schedule(graph, lanes={nodes[2].name: 2, "v": 3})
    both = {core.node.name: core.lanes.input for core in schedule(graph, lanes={"u": 3}).cores}
    assert (both[first], both[second]) == (3, 3)


def test_lanes_that_do_not_fit_are_named_as_the_cause() -> None:
    with pytest.raises(CreatorError, match="even with the lanes that are fixed"):
        schedule(chain(linear(40, 30), shape=(40,)), lanes={"layer.0": (20, 20)}, target="ecp5-25k")


NARROW = {"weight_format": FixedPoint(2, 2)}


@pytest.mark.parametrize(
    ("graph", "lanes", "interval"),
    [
        (chain(Clamp(0, 9), Clamp(0, 7)), {"layer.0": 2, "layer.1": 3}, 3),
        (chain(Clamp(0, 9), linear(20, 2), shape=(20,)), {"layer.0": 11, "layer.1": (19, 2)}, 3),
        (chain(linear(4, 37), Clamp(0, 9)), {"layer.0": (1, 5)}, 39),
    ],
)
def test_bursts_that_an_adapter_cannot_take_are_in_the_interval(graph, lanes, interval: int, tmp_path: Path) -> None:
    design = creator.translate(graph, lanes=lanes)
    run = creator.simulate(design.write(tmp_path / "build"), check_vectors(graph, 12, seed=1), bench="vhdl")
    assert run.mismatches == 0
    assert design.interval == run.interval == interval


def test_an_interval_that_is_asked_for_is_kept_by_faster_cores() -> None:
    graph = chain(linear(17, 4, **NARROW), linear(4, 37, **NARROW), linear(37, 33, **NARROW), Clamp(0, 9), shape=(17,))
    for wanted in range(30, 60):
        for target in (None, "lifcl-40", "xc7a100t"):
            assert schedule(graph, wanted, target=target).interval <= wanted

"""Choosing lanes: against trying every combination, and what is refused."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest

from creator import CreatorError, FixedPoint
from creator.graph import Graph
from creator.ops import Clamp, Lanes, Linear, beats
from creator.schedule import Plan, schedule
from creator.schedule.assemble import assemble, core_nodes
from creator.schedule.costs import add_core
from creator.schedule.device import DEVICES, SHARE, Device
from creator.schedule.estimate import estimate_plan
from creator.schedule.parts import Area, Parts
from creator.schedule.search import Search, fewest_lanes, intervals_of
from creator.targets.family import ECP5, ICE40
from tests.graph.chains import IN, chain, linear, table

F = FixedPoint


@pytest.mark.parametrize("size", [*range(1, 70), 255, 256, 784, 1000])
def test_the_fewest_lanes_for_every_number_of_beats(size: int) -> None:
    least = {}
    for lanes in range(size, 0, -1):
        least[beats(size, lanes)] = lanes
    assert fewest_lanes(size) == sorted(least.values())


def planned(graph: Graph, lanes: Sequence[Lanes]) -> Plan:
    return assemble(graph, {node.name: own for node, own in zip(core_nodes(graph), lanes, strict=True)})


def cost(search: Search, graph: Graph, lanes: Sequence[Lanes]) -> tuple[int, float]:
    """Of cores and adapters, counted apart from the search."""
    area = Area()
    for core, step in zip(planned(graph, lanes).cores, search.steps, strict=True):
        parts = Parts(ECP5)
        add_core(parts, core.node.op, core.input_type, step.interval, core.lanes)
        if core.adapter:
            parts.adapter(core.adapter, core.input_type.format.total_bits)
        area += parts.area()
    return area.dsps, round(area.luts, 6)


def small_graph() -> Graph:
    narrow = linear(5, 4, weight_format=F(4, 2))
    return chain(narrow, Clamp(0, 90), linear(4, 3), table(IN), shape=(5,))


@functools.cache
def every_cost(packing: bool) -> list[tuple[int, tuple[int, float]]]:
    """The interval and the cost of every combination of lanes, counted once for all targets."""
    graph = small_graph()
    nodes = core_nodes(graph)
    search = Search(graph, nodes, ECP5, packing, {})

    def every(step):
        sizes = range(1, step.x.size + 1), range(1, step.node.type.size + 1)
        if isinstance(step.node.op, Linear):
            return [search.completed(step, Lanes(*pair)) for pair in itertools.product(*sizes)]
        return [Lanes(n, n) for n in sizes[0]]

    return [
        (max(core.interval for core in planned(graph, lanes).cores), cost(search, graph, lanes))
        for lanes in itertools.product(*map(every, search.steps))
    ]


@pytest.mark.parametrize("packing", [False, True])
@pytest.mark.parametrize("target", [1, 2, 3, 5, 8, 12, 20, 100])
def test_no_lanes_reach_the_interval_with_less(target: int, packing: bool) -> None:
    graph = small_graph()
    search = Search(graph, core_nodes(graph), ECP5, packing, {})
    found = search.least(target)
    assert found is not None
    best = min(each for interval, each in every_cost(packing) if interval <= target)
    assert cost(search, graph, found) == best
    assert planned(graph, found).interval <= target


@pytest.mark.parametrize("interval", [1, 2, 7, 13, 59, 60, 61, 10**9])
def test_an_interval_is_reached_and_no_layer_has_lanes_to_spare(interval: int) -> None:
    plan = schedule(chain(linear(12, 5), linear(5, 9), shape=(12,)), interval)
    assert plan.interval <= interval
    if interval >= 60:
        assert [core.lanes for core in plan.cores] == [Lanes(1, 1)] * 2


def test_serial_full_lanes_and_the_default() -> None:
    graph = chain(linear(6, 5), Clamp(0, 9), linear(5, 2), shape=(6,))
    serial, full = schedule(graph, "serial"), schedule(graph, "full-lanes")
    assert schedule(graph).cores == serial.cores
    assert [core.lanes for core in full.cores] == [Lanes(6, 5), Lanes(5, 5), Lanes(5, 2)]
    assert (serial.interval, full.interval) == (30, 1)


def test_a_rate_is_an_interval() -> None:
    graph = chain(linear(12, 5), shape=(12,))
    assert schedule(graph, {"fps": 1e6, "clock_mhz": 12}).cores == schedule(graph, 12).cores
    assert schedule(graph, {"fps": 1e6, "clock_mhz": 12.9}).cores == schedule(graph, 12).cores
    assert schedule(graph, {"fps": 12e6, "clock_mhz": 12}).interval == 1


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        ({"fps": 2e6, "clock_mhz": 1}, r"2e\+06 samples a second at 1 MHz .*hint: the most is 1e\+06"),
        ({"fps": 1e6}, "is not a rate"),
        ({"fps": 1e6, "clock_mhz": 1, "x": 2}, "is not a rate"),
        ({"fps": 0, "clock_mhz": 1}, "is not a rate"),
        ({"fps": float("nan"), "clock_mhz": 1}, "is not a rate"),
        ({"fps": True, "clock_mhz": 1}, "is not a rate"),
        ({"fps": "1", "clock_mhz": 1}, "is not a rate"),
        (0, "an interval of less than one cycle .hint: the shortest is 1"),
        (-3, "an interval of less than one cycle"),
    ],
)
def test_rates_and_intervals_that_cannot_be(rate, message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        schedule(chain(linear()), rate)


def test_lanes_of_single_layers() -> None:
    graph = chain(linear(6, 5), Clamp(0, 90), linear(5, 4), shape=(6,), paths=("body.fc", "body.act", "head"))
    plan = schedule(graph, 10, lanes={"head": (5, 4), "body.act": 2})
    assert [core.lanes for core in plan.cores][1:] == [Lanes(2, 2), Lanes(5, 4)]
    assert plan.interval <= 10
    assert schedule(graph, lanes={"body_fc": [3, 5]}).cores[0].lanes == Lanes(3, 5)


@pytest.mark.parametrize(
    ("lanes", "message"),
    [
        (
            {"nothing": 2},
            "^schedule: lanes are given for 'nothing', .* .hint: choose among body.fc, body.act, head",
        ),
        ({"head": (6, 1)}, r"^head: lanes=\(6, 1\) is not possible .hint: give \(inputs, outputs\) of 1 to 5 and 1 to 4"),
        ({"head": (0, 1)}, "^head: lanes"),
        ({"head": (1, 1, 1)}, "^head: lanes"),
        ({"head": (1.0, 1)}, "^head: lanes"),
        ({"head": (True, 1)}, "^head: lanes"),
        ({"body.act": (1, 2)}, "^body.act: lanes=.* is not possible .hint: give 1 to 5"),
        ({"body.act": 6}, "^body.act: lanes"),
    ],
)
def test_lanes_that_cannot_be(lanes, message: str) -> None:
    graph = chain(linear(6, 5), Clamp(0, 90), linear(5, 4), shape=(6,), paths=("body.fc", "body.act", "head"))
    with pytest.raises(CreatorError, match=message):
        schedule(graph, lanes=lanes)


def test_fixed_lanes_that_are_too_slow_name_their_layer_and_what_can_be_had() -> None:
    graph = chain(linear(6, 5), linear(5, 4), shape=(6,))
    with pytest.raises(CreatorError, match=r"^layer.1: with its lanes fixed it takes 10 cycles, more than 9 .hint: ask for 10"):
        schedule(graph, 9, lanes={"layer.1": (1, 2)})


SMALL = Device("ecp5-25k", ECP5, luts=3000, ffs=6000, dsps=10, brams=10)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Device:
    monkeypatch.setitem(DEVICES, SMALL.name, SMALL)
    return SMALL


def test_a_device_alone_gives_the_fastest_that_fits(small: Device) -> None:
    graph = chain(linear(12, 10), linear(10, 9), shape=(12,))
    plan = schedule(graph, target=small.name)
    area = estimate_plan(plan, small).total
    assert area.dsps <= SHARE * small.dsps
    assert not small.lacks(area)
    search = Search(graph, core_nodes(graph), ECP5, True, {})
    faster = [interval for interval in intervals_of(search.steps) if interval < plan.interval]
    assert faster
    for interval in faster:
        found = search.least(interval)
        assert found is not None
        assert small.lacks(estimate_plan(planned(graph, found), small).total)


def test_what_does_not_fit_is_refused_with_the_nearest_that_does(small: Device) -> None:
    graph = chain(linear(12, 10), linear(10, 9), shape=(12,))
    nearest = schedule(graph, target=small.name).interval
    message = rf"^schedule: the network takes \d+ of 10 DSPs of ecp5-25k, where at most 80% .* that fits is {nearest} cycles"
    for parallelism in (1, nearest - 1, "full-lanes"):
        with pytest.raises(CreatorError, match=message):
            schedule(graph, parallelism, target=small.name)
    assert schedule(graph, nearest, target=small.name).interval == nearest


def test_what_fits_no_way_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DEVICES, SMALL.name, Device(SMALL.name, ECP5, luts=50, ffs=6000, dsps=10, brams=10))
    with pytest.raises(CreatorError, match=r"even with one multiplier a layer the network takes \d+ of 50 LUTs of ecp5-25k"):
        schedule(chain(linear()), target=SMALL.name)


def test_where_a_lookup_table_and_a_flip_flop_may_not_share_a_cell_all_cells_are_counted() -> None:
    device = Device("ice40-up5k", ICE40, luts=100, ffs=100, dsps=1, brams=1)
    assert not device.lacks(Area(luts=80, ffs=20))
    assert device.lacks(Area(luts=79, ffs=22)) == "up to 101 of 100 logic cells of ice40-up5k"
    assert not replace(device, family=ECP5).lacks(Area(luts=80, ffs=80))


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(CreatorError, match=r"^schedule: target 'ecp6' is unknown .hint: choose one of ecp5-25k"):
        schedule(chain(linear()), target="ecp6")


def test_packing_is_on_with_a_target_and_can_be_switched() -> None:
    graph = chain(linear(6, 6, weight_format=F(4, 2)), shape=(6,))
    lanes = {"layer.0": (1, 2)}
    assert schedule(graph, lanes=lanes).cores[0].lanes.packed is False
    assert schedule(graph, lanes=lanes, packing=True).cores[0].lanes.packed is True
    assert schedule(graph, lanes=lanes, target="ecp5-25k").cores[0].lanes.packed is True
    assert schedule(graph, lanes=lanes, target="ecp5-25k", packing=False).cores[0].lanes.packed is False


def test_wide_products_do_not_share_a_multiplier() -> None:
    graph = chain(linear(6, 6, weight_format=F(7, 2)), shape=(6,), entry=IN)
    assert schedule(graph, lanes={"layer.0": (1, 2)}, packing=True).cores[0].lanes.packed is False


def test_pipelining_gives_every_linear_core_the_registers_of_a_wide_one() -> None:
    graph = chain(linear(4, 6), Clamp(0, 5), linear(6, 4))
    plain, piped = schedule(graph), schedule(graph, pipelining=True)
    assert plain.interval == piped.interval == 24
    # Two for the ways to and from the multiplier, two for the queue, in each of two layers.
    assert piped.latency - plain.latency == 8
    for core in piped.cores:
        assert core.lanes.pipelined == (core.node.op.name == "linear")
    assert schedule(graph, 6, pipelining=True).interval <= 6

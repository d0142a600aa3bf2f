"""Queues where branches join: deep enough that nothing hangs and nothing is slower, and not where they are not needed."""

from __future__ import annotations

import dataclasses
import random

import pytest

import creator
from creator import FixedPoint
from creator.graph import Builder, Graph
from creator.ops import Concatenate, Slice, TensorType
from creator.passes import LOWER, run_passes
from creator.schedule import Plan, schedule
from creator.schedule.buffers import never_full
from creator.schedule.timeline import frame_ends, steady_interval
from tests.cases import add as sums
from tests.cases import concatenate as concatenations
from tests.cases import multiply as products
from tests.graph.branches import add, joined
from tests.graph.chains import linear, quantize
from tests.schedule.cycles.streams import Streams

F = FixedPoint


def residual() -> Graph:
    return joined(add(F(8, 3)), (), (linear(6, 6),), shape=(6,))


def halves() -> Graph:
    """The second half of a value minus the first: all of the first has to wait."""
    return joined(add(F(8, 3), -1), (Slice(0, 8, 16),), (Slice(0, 0, 8),), shape=(16,))


def with_words(plan: Plan, words: int) -> Plan:
    """``plan`` whose queues have so many words less."""
    cores = tuple(
        dataclasses.replace(
            core,
            feeds=tuple(dataclasses.replace(feed, words=max(1, feed.words - words) * (feed.words > 0)) for feed in core.feeds),
        )
        for core in plan.cores
    )
    return dataclasses.replace(plan, cores=cores)


def depths(plan: Plan) -> list[list[int]]:
    return [[feed.depth for feed in core.feeds] for core in plan.cores if len(core.feeds) > 1]


def test_the_branch_that_skips_layers_has_a_queue_and_the_other_has_none() -> None:
    plan = schedule(residual())
    assert depths(plan) == [[8, 0]]
    assert plan.interval == 36  # that of the layer alone


def test_with_fewer_words_the_network_is_slower() -> None:
    plan = schedule(residual())
    intervals = [steady_interval(with_words(plan, less)) for less in (0, 2, 3)]
    assert intervals[0] == 36 < intervals[1] < intervals[2]


def test_with_too_few_words_it_hangs() -> None:
    plan = schedule(halves())
    assert depths(plan) == [[0, 8]]
    with pytest.raises(AssertionError, match="the network hangs"):
        frame_ends(with_words(plan, 8), 2)


def test_what_is_there_at_the_same_time_needs_no_queue() -> None:
    for graph in (joined(add(F(9, 4)), shape=(5,)), joined(Concatenate(0), shape=(5,))):
        for parallelism in ("serial", "full-lanes"):
            plan = schedule(graph, parallelism)
            assert all(feed.words < 5 for core in plan.cores for feed in core.feeds)
    assert depths(schedule(joined(add(F(9, 4)), shape=(5,)))) == [[0, 0]]


def test_a_difference_of_a_cycle_takes_a_register() -> None:
    plan = schedule(joined(add(F(9, 4)), (quantize(F(8, 3)),), (), shape=(5,)), "full-lanes")
    assert plan.interval == 1
    assert any(feed.registered or feed.words for feed in plan.cores[-1].feeds)


CASES = [case for module in (sums, products, concatenations) for case in module.CASES]


def plan_of(case) -> Plan:
    return schedule(run_passes(case.graph(), LOWER), **case.options)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_queues_make_nothing_slower(case) -> None:
    """As many words as there could be in use make no network faster than the words that it has.

    One word a cycle is the most that comes, and none has to wait for longer than a frame takes from end to end.
    """
    plan = plan_of(case)
    words = plan.latency + plan.interval
    endless = dataclasses.replace(
        plan,
        cores=tuple(
            dataclasses.replace(
                core, feeds=tuple(dataclasses.replace(feed, words=words, registered=False) for feed in core.feeds)
            )
            if len(core.feeds) > 1
            else core
            for core in plan.cores
        ),
    )
    assert plan.interval == steady_interval(endless)


def stalled(plan: Plan, seed: int, frames: int = 6) -> int:
    """Cycles until so many frames are out, where the input offers and the output takes at random; 0 if it hangs."""
    draw = random.Random(seed)
    streams = Streams(plan)
    gives, takes = draw.choice([0.1, 0.5, 1.0]), draw.choice([0.1, 0.5, 1.0])
    size_in, size_out = plan.graph.input_type.size, plan.graph.output_type.size
    each_in, each_out = -(-size_in // plan.input_lanes), -(-size_out // plan.output_lanes)
    taken = given = cycle = idle = 0
    while given < frames * each_out:
        streams.accepts = draw.random() < takes
        moves = streams.look(taken < frames * each_in and draw.random() < gives)
        streams.clock(moves)
        taken += moves[0]
        given += moves[streams.output]
        cycle += 1
        idle = 0 if any(moves) else idle + 1
        if idle > 3000:
            return 0
    return cycle


@pytest.mark.parametrize("case", CASES[::3], ids=lambda case: case.name)
def test_nothing_hangs_whatever_the_pauses(case) -> None:
    plan = plan_of(case)
    assert all(stalled(plan, seed, 3) for seed in range(4))


def test_pauses_do_hang_a_network_with_less() -> None:
    plan = with_words(schedule(halves()), 8)
    assert not any(stalled(plan, seed) for seed in range(6))


def test_the_count_without_times() -> None:
    """The first half has to find a place before the first element of the second half is there."""
    plan = schedule(halves())
    least = never_full(plan)
    assert least[2, 1] == 8
    assert least[2, 0] <= 1
    assert never_full(schedule(residual()))[1, 0] == 6
    assert never_full(schedule(residual()))[1, 1] <= 1


def test_a_value_behind_a_layer_that_stores_waits_for_itself() -> None:
    """A fork that no input beat passes counts as well: of two equal operands one after the other the second has to wait."""
    builder = Builder(TensorType((6,), F(8, 4)))
    layer = builder.add(linear(6, 5), builder.input, ("layer",))
    plan = schedule(builder.graph(builder.add(Concatenate(0), (layer, layer), ("twice",))))
    assert never_full(plan) == {(1, 0): 1, (1, 1): 5}
    assert plan.interval == 30
    assert all(stalled(plan, seed, 3) for seed in range(6))


def test_plan_and_manifest_say_how_deep_queues_are() -> None:
    design = creator.translate(residual())
    assert "\nqueue before join, from input: 8 beats of 8 bits\n" in design.estimate.text()
    assert [(layer["sources"], layer["queues"]) for layer in design.manifest["layers"]] == [
        (["input"], [0]),
        (["input", "b_0"], [8, 0]),
    ]
    assert [layer["queues"] for layer in design.estimate.summary()["layers"]] == [[0], [8, 0]]
    assert "vhdl/creator_stream_fifo.vhd" in design.files
    assert "vhdl/creator_stream_fork.vhd" in design.files

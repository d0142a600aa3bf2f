"""When beats move, against the same parts cycle by cycle: every frame's end, intervals, and how much of a frame comes out."""

from __future__ import annotations

import importlib
import random

import numpy as np
import pytest
import torch

import creator
from creator import FixedPoint, nn
from creator.graph import Graph
from creator.ops import REGISTRY, Clamp, Concatenate, Slice
from creator.passes import LOWER, run_passes
from creator.schedule import Plan, fifos, schedule, timeline
from creator.schedule.buffers import with_words
from creator.schedule.lines import LONG
from creator.schedule.links import given
from creator.schedule.pacing import lasting
from creator.schedule.timeline import frame_ends, rhythm
from tests.graph.branches import joined
from tests.graph.chains import chain, linear
from tests.schedule.cycles import movement, streams

F = FixedPoint
OPTIONS = ("parallelism", "target", "lanes", "packing", "pipelining")
BURSTS = ("conv", "upsample", "pad", "maxpool", "concatenate", "softmax", "microscale", "permute")
CASES = [
    pytest.param(case, id=f"{op}: {case.name}")
    for op in sorted(REGISTRY)
    for case in importlib.import_module(f"tests.cases.{op}").CASES[:: 7 if op in BURSTS else 30]
]


def check(plan: Plan, frames: int) -> None:
    """Compares ends of frames, and the steady interval."""
    expected = streams.frame_ends(plan, frames)
    assert frame_ends(plan, frames) == expected
    assert rhythm(plan) == (expected[0], streams.steady_interval(plan))


@pytest.mark.parametrize("case", CASES)
def test_cases_move_as_they_do_cycle_by_cycle(case) -> None:
    options = {name: value for name, value in case.options.items() if name in OPTIONS}
    plan, compared = schedule(run_passes(case.graph(), LOWER), **options), 0
    check(plan, 5)
    for core in plan.cores:
        pairs = [pair for feed in core.feeds for pair in zip(timeline.feed_parts(feed), streams.feed_parts(feed), strict=True)]
        if len(core.feeds) == 1:
            pairs += zip(timeline.core_parts(core), streams.core_parts(core), strict=True)
        for part, reference in pairs:
            count = min(40, core.input_type.size // core.lanes.input)
            assert np.array_equal(given(part, count), movement.given(reference, count))
            compared += 1
    assert compared or len(plan.cores) == 1


class Joined(torch.nn.Module):
    """Branches of every kind of core that can wait or gives in bursts, joined by a sum."""

    def __init__(self, draw: random.Random) -> None:
        super().__init__()
        self.entry = nn.Quantize(F(5, 3))
        self.a, self.b = (torch.nn.Sequential(*self.branch(draw)) for _ in range(2))
        self.end = nn.Conv2d(2, draw.randint(1, 3), draw.randint(1, 3), weight=F(4, 3), output=F(5, 2))

    def branch(self, draw: random.Random) -> list[torch.nn.Module]:
        def conv() -> torch.nn.Module:
            return nn.Conv2d(2, 2, 3, padding=1, weight=F(4, 3), output=F(5, 2))

        def up_and_down() -> torch.nn.Module:
            return torch.nn.Sequential(nn.Upsample(scale_factor=2), nn.MaxPool2d(2))

        def overlapping() -> torch.nn.Module:
            return nn.MaxPool2d(3, stride=1, padding=1)

        return [draw.choice([conv, up_and_down, overlapping])() for _ in range(draw.randint(0, 2))]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.entry(x)
        return self.end(self.a(x) + self.b(x))  # type: ignore[no-any-return]


def random_graph(draw: random.Random) -> Graph:
    torch.manual_seed(draw.randint(0, 99))
    return run_passes(creator.trace(Joined(draw).eval(), (2, draw.randint(3, 5), draw.randint(3, 5))), LOWER)


@pytest.mark.parametrize("seed", range(12))
def test_queues_of_any_depth_move_as_they_do_cycle_by_cycle(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queues that are too small, or too large, decide what waits for what. Where one model hangs, so does the other.

    In every second network all of them are deep ones, however many words they have.
    """
    if seed % 2:
        monkeypatch.setattr(fifos, "NEAR_WORDS", 0)
        monkeypatch.setattr(streams, "NEAR_WORDS", 0)
    draw = random.Random(seed)
    graph = random_graph(draw)
    plan = schedule(graph, draw.choice(["serial", 900, 400]))
    hung = 0
    for _ in range(4):
        places = [(index, operand) for index, core in enumerate(plan.cores) for operand in range(len(core.feeds))]
        found = with_words(plan, {place: draw.choice([-1, 0, 1, 2, 5, 40]) for place in places})
        try:
            streams.frame_ends(found, 5)
        except AssertionError:
            hung += 1
            with pytest.raises(AssertionError, match="the network hangs"):
                frame_ends(found, 5)
        else:
            check(found, 5)
    assert hung < 4


def test_frames_of_one_beat_that_wait_every_third_time() -> None:
    """Registers on both branches, of which the shorter one needs room for three: not every frame finds the same."""
    graph = joined(Concatenate(0), (), (Slice(0, 0, 4),), shape=(8,))
    plan = schedule(graph, "full-lanes")
    register = with_words(plan, {(1, 0): 0, (1, 1): 0})
    check(register, 9)
    assert frame_ends(register, 9) == [3, 4, 5, 7, 8, 9, 11, 12, 13]


@pytest.mark.parametrize("pace", [30, 41])
def test_frames_that_come_at_a_pace(pace: int) -> None:
    plan = schedule(chain(linear(6, 6), Clamp(0, 9), linear(6, 5), shape=(6,)))
    moving = timeline.Streams(plan)
    ends = [moving.frame(frame * pace) - moving.first for frame in range(6)]
    assert ends == list(streams.run(plan, streams.Streams(plan), 6, pace))


@pytest.mark.parametrize("outputs", [3, 4])
def test_a_network_that_does_not_keep_up_is_as_slow_as_frame_by_frame(outputs: int) -> None:
    """A queue without an end grows before the slowest core; what ``lasting`` says against the cycles of all frames."""
    model = Joined(random.Random(0))
    model.a, model.b = nn.Conv2d(2, 2, 3, padding=1, weight=F(4, 3), output=F(5, 2)), torch.nn.Identity()
    model.end = nn.Conv2d(2, outputs, 3, padding=1, weight=F(4, 3), output=F(5, 2))
    plan = schedule(run_passes(creator.trace(model.eval(), (2, 6, 6)), LOWER))
    endless = with_words(plan, dict.fromkeys([(1, 0), (1, 1)], LONG))
    for pace in (36 * 36, 36 * 30):
        found, gap = lasting(endless, pace)
        frames = len(plan.cores) + 18 + 3 * (streams.frame_ends(endless, 1)[0] // pace)
        ends = list(streams.run(endless, streams.Streams(endless), frames, pace))
        half = len(ends) // 2
        expected = (ends[-1] - ends[half]) // (len(ends) - 1 - half)
        assert (found, gap, gap > pace) == (None, expected, True)


def test_a_long_network_is_no_matter() -> None:
    """More parts in a row than Python lets functions call one another."""
    plan = schedule(chain(*[linear(3, 3) for _ in range(400)], shape=(3,)))
    assert plan.interval == 9
    assert frame_ends(plan, 2) == [plan.latency, plan.latency + 9]

"""The model of the streams: what it says of frames in a row, and of adapters."""

from __future__ import annotations

import itertools

import pytest

from creator.ops import Clamp, beats
from creator.schedule import Adapter, schedule
from creator.schedule.timeline import frame_ends
from tests.graph.chains import chain, linear

SIZES = list(itertools.product([1, 2, 5, 7, 12], [1, 2, 3, 5, 12], [1, 2, 3, 4, 7]))


@pytest.mark.parametrize(
    "lanes", [{}, {"layer.0": (5, 3)}, {"layer.0": (2, 9), "layer.1": (4, 2)}, {"layer.1": (9, 4)}], ids=str
)
def test_frames_follow_each_other_at_the_interval(lanes) -> None:
    plan = schedule(chain(linear(5, 9), linear(9, 4), Clamp(0, 9), shape=(5,)), lanes=lanes)
    ends = frame_ends(plan, 8)
    assert ends[0] == plan.latency
    assert {b - a for a, b in itertools.pairwise(ends[3:])} == {plan.interval}


def test_quiet_cycles_are_skipped_not_lost() -> None:
    plan = schedule(chain(linear(500, 300), linear(300, 2), shape=(500,)))
    assert plan.latency == 499 + (500 * 300 + 7 + 2) + (300 * 2 + 7)
    assert frame_ends(plan, 2)[1] == plan.latency + plan.interval


@pytest.mark.parametrize(("size", "given", "taken"), SIZES)
def test_an_adapter_holds_what_it_says(size: int, given: int, taken: int) -> None:
    given, taken = min(given, size), min(taken, size)
    adapter = Adapter(size, given, taken)
    held, places = 0, []
    for beat in range(beats(size, given)):
        held %= taken  # whole beats are given before the next one is taken
        places.append(held)
        held += min(given, size - beat * given)
    assert adapter.places == tuple(sorted(set(places)))
    assert adapter.last_place == places[-1]
    assert adapter.capacity == max(taken, max(places) + given)
    assert adapter.remainder == size - (beats(size, given) - 1) * given

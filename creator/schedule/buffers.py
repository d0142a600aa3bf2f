"""Queues where branches join: which operands need one, and of how many words.

A value that two branches read comes to the operation that joins them at different times. Until the later operand is there the
earlier one waits in a queue; without one the fork would wait for it, and with it the branch that the operation waits for.

**So that nothing hangs**, whatever pauses come from outside: let ``n`` be the beats of the forked value from which the
operation can take its ``k``-th beat, fewer being too few. All that the shorter branch gives before it has taken its part of
those ``n`` beats has to find a place before the ``k``-th beat is taken, less the ``k - 1`` that were taken before. A queue
holds the most of that over a frame. If it is full, all that its operation waits for has come in, so that the wait ends. Times
do not occur in this count, and of what is held along the branch only the beat that each part has taken last.

**So that nothing is slower than it has to be**: the model of the streams runs with queues without an end, frames coming at the
network's interval, and each queue gets the words that were in use at most. Where that is no more than the way through the queue
takes, a stream register, or nothing, is tried instead.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np

from creator.formats import IntArray
from creator.ops import beats
from creator.schedule.lines import LONG
from creator.schedule.links import Join, Regrouping, given
from creator.schedule.movement import Part
from creator.schedule.pacing import lasting
from creator.schedule.plan import Core, Feed, Plan
from creator.schedule.timeline import Streams, core_parts, feed_parts

Place = tuple[int, int]
"""An operand: the index of its core, and its own among those of the core."""

_MOST = 1 << 20
_SMALL = 4
"""Words: what a queue of so many does, a stream register or none at all may do as well."""

_NONE, _REGISTER = -1, 0
"""In place of a number of words: the stream as it is, and a stream register."""


def with_queues(plan: Plan) -> Plan:
    """``plan`` with a queue, or a stream register, before each operand that has to wait for another one."""
    joins = [[(index, operand) for operand in range(len(core.feeds))] for index, core in enumerate(plan.cores)]
    joins = [places for places in joins if len(places) > 1]
    if not joins:
        return plan
    least = dict.fromkeys((place for places in joins for place in places), 0) | never_full(plan)
    words = {place: LONG for places in joins for place in places}
    pace, streams = _pace(plan, words)
    for places in joins:
        ways = [_ways(least[place], streams.fifos[place].most) for place in places]
        for way in sorted(itertools.product(*ways), key=sum):
            tried = words | dict(zip(places, way, strict=True))
            if lasting(with_words(plan, tried), pace)[0] is not None:
                words = tried
                break
    return _sized(plan, words, least, pace, lasting(with_words(plan, words), pace)[0] or streams)


def resized(plan: Plan) -> Plan:
    """``plan`` with each queue before an operation of several operands as long as all that stands before it makes it."""
    places = [(index, operand) for index, core in enumerate(plan.cores) for operand in range(len(core.feeds))]
    places = [(index, operand) for index, operand in places if _is_queue(plan.cores[index], operand)]
    if not places:
        return plan
    words = dict.fromkeys(places, LONG)
    return _sized(plan, words, dict.fromkeys(places, 0) | never_full(plan), *_pace(plan, words))


def _is_queue(core: Core, operand: int) -> bool:
    return len(core.feeds) > 1 and core.feeds[operand].words > 0


def _sized(plan: Plan, words: dict[Place, int], least: Mapping[Place, int], pace: int, streams: Streams) -> Plan:
    """``plan`` with ``words``, those without an end as many as were in use in ``streams``, and never fewer than ``least``."""
    words = {
        place: max(streams.fifos[place].most, least[place] - 2, 1) if count == LONG else count for place, count in words.items()
    }
    found = with_words(plan, words)
    while found.interval > pace and max(words.values()) < _MOST:
        words = {place: count + count // 4 + 1 if count > 0 else count for place, count in words.items()}
        found = with_words(plan, words)
    return found


def _ways(least: int, most: int) -> list[int]:
    """What may stand before an operand that has to hold ``least`` beats, and had ``most`` words in use in a queue."""
    small = most <= _SMALL
    return [*([_NONE] if small and least <= 1 else []), *([_REGISTER] if small and least <= 2 else []), LONG]


def with_words(plan: Plan, words: Mapping[Place, int]) -> Plan:
    """``plan`` with queues of so many words, by their places."""

    def changed(place: Place, feed: Feed) -> Feed:
        count = words.get(place, _NONE)
        return feed if count == _NONE else dataclasses.replace(feed, words=count, registered=count == _REGISTER)

    cores = tuple(
        dataclasses.replace(core, feeds=tuple(changed((index, operand), feed) for operand, feed in enumerate(core.feeds)))
        for index, core in enumerate(plan.cores)
    )
    return dataclasses.replace(plan, cores=cores)


def _pace(plan: Plan, words: Mapping[Place, int]) -> tuple[int, Streams]:
    """The shortest interval that ``plan`` with such queues keeps, and its streams after frames that came in it."""
    found = with_words(plan, words)
    pace = max(core.interval for core in found.cores)
    while True:
        streams, gap = lasting(found, pace)
        if streams is not None:
            return pace, streams
        pace = max(pace + 1, gap)


def never_full(plan: Plan) -> dict[Place, int]:
    """Beats that the queue before each operand of a join has to hold so that nothing hangs, whatever pauses there are."""
    least: dict[Place, int] = {}
    sizes = {plan.graph.input: beats(plan.graph.input_type.size, plan.input_lanes)}
    sizes |= {core.node.name: beats(core.node.type.size, core.lanes.output) for core in plan.cores}
    for fork, readers in plan.readers.items():
        if len(readers) > 1:
            for place, count in _behind(plan, fork, sizes[fork]).items():
                least[place] = max(least.get(place, 0), count)
    return least


def _behind(plan: Plan, fork: str, size: int) -> dict[Place, int]:
    """What :func:`never_full` says for a frame of ``size`` beats that comes to one fork."""
    count = np.arange(size + 1)
    # By stream, once 0, 1, ... beats have come to the fork: how many there are in the end, and how many at least, where every
    # part holds the last beat that it has taken.
    there: dict[str, tuple[IntArray, IntArray]] = {fork: (count, count)}
    least: dict[Place, int] = {}
    for index, core in enumerate(plan.cores):
        if not any(feed.source in there for feed in core.feeds):
            continue
        streams = [there.get(feed.source) or _all_there(feed, size) for feed in core.feeds]
        ends = []
        for feed, (most, fewest) in zip(core.feeds, streams, strict=True):
            for part in feed_parts(feed):
                most, fewest = _through(part, most, fewest)
            ends.append((most, fewest))
        if len(core.feeds) == 1:
            (most, fewest) = ends[0]
            for part in core_parts(core):
                most, fewest = _through(part, most, fewest)
            there[core.node.name] = most, fewest
            continue
        (part,) = core_parts(core)
        assert isinstance(part, Join)
        taken = part.takes([most for most, _ in ends])
        results = part.results(taken)
        there[core.node.name] = results, results
        for operand, (feed, (most, fewest)) in enumerate(zip(core.feeds, streams, strict=True)):
            if feed.source in there:
                gone = _before_adapter(feed, most, taken[operand])
                least[index, operand] = int((fewest[1:] - gone[:-1]).max())
    return least


def _all_there(feed: Feed, size: int) -> tuple[IntArray, IntArray]:
    """A frame that has come on another way than from the fork, as far as it can matter."""
    whole = np.full(size + 1, beats(feed.type.size, feed.stream_lanes))
    return whole, whole


def _through(part: Part, most: IntArray, fewest: IntArray) -> tuple[IntArray, IntArray]:
    """What comes out of a part of which so many beats come in."""
    table = given(part, int(most[-1]))
    return table[most], table[np.maximum(fewest - 1, 0)]


def _before_adapter(feed: Feed, before: IntArray, taken: IntArray) -> IntArray:
    """How many beats of the stream before its adapter a feed has passed on when its core has taken ``taken`` behind it."""
    if feed.adapter is None:
        return taken
    table = given(Regrouping(feed.adapter), int(before[-1]))
    return np.searchsorted(table, taken, side="right") - 1

"""Whether a network keeps up with frames that come at a pace.

A queue without an end parts a network: what stands before it does not wait for what stands behind it. So each of these regions
has a pace of its own, and one behind may be slower, while what comes waits in the queue. Once all of them are as they were,
everything after is known, as in ``timeline.rhythm``.
"""

from __future__ import annotations

from collections import defaultdict

from creator.schedule.fifos import ShortFifo
from creator.schedule.lines import LONG
from creator.schedule.movement import Part
from creator.schedule.plan import Plan
from creator.schedule.timeline import PAST, Streams

_FRAMES = 16
"""Frames in which a network keeps up or is seen not to, on top of one a core and of those that are in it at once."""


class _Regions:
    """The parts of ``streams`` between queues without an end."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self._above: dict[Part, Part] = {}
        endless = [(part, source) for part, before in streams.wiring for source in before if _is_endless(source)]
        for part, before in streams.wiring:
            for source in before:
                if not _is_endless(source) and self.of(source) is not self.of(part):
                    self._above[self.of(source)] = self.of(part)
        self.queues = [(source, self.of(source), self.of(part)) for part, source in endless if isinstance(source, ShortFifo)]
        self.members: dict[Part, list[Part]] = defaultdict(list)
        for part, _ in streams.wiring:
            self.members[self.of(part)].append(part)

    def of(self, part: Part) -> Part:
        """The part that stands for the region of ``part``."""
        while part in self._above:
            part = self._above[part]
        return part

    def times(self) -> dict[Part, int]:
        """Of each region the cycle in which its last beat from outside came."""
        came = {region: queue.last for queue, _, region in self.queues}
        return came | {self.of(self.streams.source): self.streams.next}

    def state(self, times: dict[Part, int]) -> tuple[tuple[int, ...], ...]:
        """What decides about all frames to come, in each region counted from its own time."""
        found = []
        for region, parts in self.members.items():
            now, queues = times[region], [queue for queue, _, behind in self.queues if behind is region]
            least = min([now, *(queue.last for queue in queues)]) - PAST
            memories = [part.memory() for part in parts if not _is_endless(part)]
            found += [tuple(max(cycle, least) - now for cycle in memory) for memory in memories]
            found += [(queue.passed - now, queue.last - now) for queue in queues]
        return tuple(found)

    def part_for_good(self, before: dict[Part, int], after: dict[Part, int], frames: int) -> bool:
        """Whether regions go on as they did in the last ``frames`` frames, at the end of which they were as at the beginning.

        They do where a queue's two sides took as long, or where it never ran out and the side behind took longer.
        """
        took = {region: after[region] - before[region] for region in after}
        return all(
            took[source] == took[behind] or (took[source] < took[behind] and queue.frames - queue.ran_out >= frames)
            for queue, source, behind in self.queues
        )


def _is_endless(part: Part) -> bool:
    return isinstance(part, ShortFifo) and part.words >= LONG


def lasting(plan: Plan, pace: int) -> tuple[Streams | None, int]:
    """The streams of ``plan`` after frames that came every ``pace`` cycles, ``None`` if it does not keep up with them, and the
    cycles from one of the last frames to the next."""
    streams, ends = Streams(plan), list[int]()
    regions, seen, kept = _Regions(streams), dict[object, tuple[int, dict[Part, int]]](), set[object]()
    held, most = 0, 1  # the last frame that came later than it could; frames
    while len(ends) < most:
        frame = len(ends)
        held = frame if streams.next < frame * pace else held
        ends.append(streams.frame(frame * pace) - streams.first)
        most = most if frame else len(plan.cores) + _FRAMES + 3 * (ends[0] // pace) + 2
        keeps = ends[-1] - frame * pace, streams.state(ends[-1])
        if keeps in kept:
            return streams, pace
        kept.add(keeps)
        times = regions.times()
        state = regions.state(times)
        before, began = seen.get(state, (frame, times))
        seen[state] = frame, times
        period, cycles, entry = frame - before, ends[-1] - ends[before], regions.of(streams.source)
        on_time = held <= before or times[entry] - began[entry] == period * pace
        if cycles > period * pace and on_time and regions.part_for_good(began, times, period):
            turns = [divmod(place, period) for place in range(most - len(ends))]
            ends += [ends[before + 1 + place] + cycles * (1 + turn) for turn, place in turns]
    half = len(ends) // 2
    return None, (ends[-1] - ends[half]) // (len(ends) - 1 - half)

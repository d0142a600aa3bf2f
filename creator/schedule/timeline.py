"""When a plan's streams move: its latency, its interval, and what waits in its queues. No data, only their movement.

The parts are in ``movement.py``, ``links.py`` and ``sweeps.py``. Frames go through them one after the other; what the next one
finds are the cycles that the parts remember. Once these come again, everything after does.
"""

from __future__ import annotations

from creator.ops import ArgMax, Concatenate, Conv, Linear, Microscale, Permute, Slice, Softmax, Top1, beats, microscale
from creator.ops.argmax import Comparison
from creator.schedule.fifos import Fifo, fifo
from creator.schedule.lines import Line, QueuedLine
from creator.schedule.links import End, Fork, Regrouping, Relay, StreamRegister, Together, Turns
from creator.schedule.movement import Desk, Part, Pipeline, Sieve, stored_core, window_core
from creator.schedule.plan import Core, Feed, Plan
from creator.schedule.sweeps import moves_of

_FAR = 50
"""Parts in a row that call one another."""

PAST = 4
"""Cycles: more than the rule of any part adds to one that was before."""


def feed_parts(feed: Feed) -> list[Part]:
    """What stands between a stream and a core, in the order of the data."""
    parts: list[Part] = [StreamRegister()] if feed.registered else []
    parts += [fifo(feed.words)] if feed.words else []
    return [*parts, Regrouping(feed.adapter)] if feed.adapter else parts


def core_parts(core: Core) -> list[Part]:
    """What a core consists of, in the order of the data; one part where it reads several streams."""
    op, lanes = core.node.op, core.lanes
    if isinstance(op, Linear):
        return [_linear_part(core, op)]
    if isinstance(op, Permute):
        return [stored_core(Line(2), op.block(core.input_type), 1, row=1)]
    if core.sweeps:
        return [part for axis in core.sweeps for part in (StreamRegister(), moves_of(axis))][1:]
    if isinstance(op, Microscale):
        words = op.words(core.input_type, lanes)
        return [Pipeline(Line(microscale.FRONT_STAGES)), stored_core(Line(microscale.STAGES), words, 1, row=1)]
    if isinstance(op, Softmax):
        found, each = Comparison(core.input_type, lanes), op.stages_behind_stores(core.input_type, lanes)
        front: list[Part] = [Pipeline(Line(found.levels))] if found.levels else []
        return [*front, *(stored_core(Line(stages), found.words, 1, row=1) for stages in each)]
    if isinstance(op, (ArgMax, Top1)):
        return [Pipeline(Line(core.timing.delay), Comparison(core.input_type, lanes).words)]
    if isinstance(op, Concatenate) and lanes.input == lanes.output:
        return [Turns(op.run_beats(core.input_types, lanes))]
    if isinstance(op, Slice) and lanes.input == lanes.output:
        return [Sieve(*op.kept_beats(core.input_type, lanes))]
    kind = Together if len(core.feeds) > 1 else Pipeline
    return [kind(Line(core.timing.delay))]


def _linear_part(core: Core, op: Linear) -> Part:
    lanes = core.lanes
    words, groups = op.row_words(lanes), op.row_groups(lanes)
    line = (QueuedLine if core.queues else Line)(op.stages(lanes))
    if isinstance(op, Conv):
        return window_core(line, op.ring(core.input_type, lanes), words, groups)
    return Pipeline(line, words) if groups == 1 else stored_core(line, words, groups)


class Streams:
    """All parts of a plan, wired.

    ``wiring`` has each part with those before it, ``fifos`` the queues by the indices of a core and of its operand. ``first``
    is the cycle that took the first beat, ``next`` the first one in which the next beat can come.
    """

    def __init__(self, plan: Plan) -> None:
        self.wiring: list[tuple[Part, tuple[Part, ...]]] = []
        self.fifos: dict[tuple[int, int], Fifo] = {}
        self.desk: Desk = []
        self.frames = self.first = self.next = 0
        self._answer: int | None = None
        self.each_in = beats(plan.graph.input_type.size, plan.input_lanes)
        self.each_out = beats(plan.graph.output_type.size, plan.output_lanes)
        self._depths: dict[int, int] = {}
        self.source = source = Part()
        source.taken = self._told  # type: ignore[method-assign]
        self._end = End()
        streams: dict[tuple[int, int], Part] = {}  # of each operand, the part that gives it
        self._hand_on(source, plan.readers[plan.graph.input], streams)
        for index, core in enumerate(plan.cores):
            operands = []
            for operand, feed in enumerate(core.feeds):
                part = streams[index, operand]
                for behind in feed_parts(feed):
                    part = self._behind(behind, part)
                    if isinstance(behind, Fifo):
                        self.fifos[index, operand] = behind
                operands.append(part)
            for behind in core_parts(core):
                operands = [self._behind(behind, *operands)]
            self._hand_on(operands[0], plan.readers[core.node.name], streams)
            output = operands[0]
        self._behind(self._end, output)

    def _hand_on(self, part: Part, readers: tuple[tuple[int, int], ...], streams: dict[tuple[int, int], Part]) -> None:
        if len(readers) > 1:
            part = self._behind(Fork(), part)
        streams.update(dict.fromkeys(readers, part))

    def _behind(self, part: Part, *before: Part) -> Part:
        """Puts ``part`` behind those from which it gets its streams."""
        far = 1 + max(self._depths.get(id(source), 0) for source in before)
        if far > _FAR and not isinstance(part, Relay):
            before, far = tuple(self._behind(Relay(), source) for source in before), 1
        self._depths[id(part)] = 0 if isinstance(part, Relay) else far
        part.desk = self.desk
        part.tells = [source.connect(offer) for source, offer in zip(before, part.offers(), strict=True)]
        self.wiring.append((part, before))
        return part

    def _told(self, cycle: int) -> None:
        self._answer = cycle

    def _clear(self) -> None:
        while self.desk:
            tell, cycle = self.desk.pop()
            tell(cycle)

    def frame(self, begin: int) -> int:
        """Lets a frame through, offered from cycle ``begin`` on or later; gives the one in which its last result is taken.

        Raises:
            AssertionError: if the network hangs.
        """
        give, cycle = self.source.give, max(self.next, begin)
        for place in range(self.each_in):
            answer = give(cycle)
            if self.desk:
                self._answer = answer
                self._clear()
                answer = self._answer
            assert answer is not None, "the network hangs"
            if place == 0 and self.frames == 0:
                self.first = answer
            cycle = answer + 1
        self.next = cycle
        self.frames += 1
        assert self._end.count == self.frames * self.each_out, "the network hangs"
        for queue in self.fifos.values():
            queue.settle()
        return self._end.last

    def state(self, now: int) -> tuple[tuple[int, ...], ...]:
        """What decides about all frames to come: cycles counted from ``now``, those that are too early to matter made equal.

        A beat that comes in cycle ``next`` or later waits for nothing that was some cycles before.
        """
        least = self.next - PAST
        return ((least - now,), *(tuple(max(cycle, least) - now for cycle in part.memory()) for part, _ in self.wiring))


def frame_ends(plan: Plan, frames: int) -> list[int]:
    """The cycles in which the last beats of ``frames`` frames are given, counted from the one that takes the first beat.

    Input is always offered, and output always taken.
    """
    streams = Streams(plan)
    return [streams.frame(0) - streams.first for _ in range(frames)]


def rhythm(plan: Plan) -> tuple[int, int]:
    """A plan's latency, and its interval once every frame finds the network as the one before it did.

    The latency is counted from the cycle that takes a frame's first beat to the one that gives its last result. The interval is
    at least that of the slowest core. It is more where a core gives its results in bursts that an adapter after it cannot take
    as fast, and then has none for it. Should frames differ in turn, it is their mean, rounded up.
    """
    streams, seen, latency = Streams(plan), dict[object, tuple[int, int]](), 0
    while True:
        end = streams.frame(0)
        latency = latency or end - streams.first
        frame, begun = seen.setdefault(streams.state(end), (streams.frames, end))
        if frame < streams.frames:
            return latency, -(-(end - begun) // (streams.frames - frame))


def steady_interval(plan: Plan) -> int:
    """Clock cycles from one frame to the next: see :func:`rhythm`."""
    return rhythm(plan)[1]

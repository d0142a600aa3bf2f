"""A model of a plan's streams, cycle by cycle: who offers, who takes, who waits. No data, only their movement.

The parts are in ``movement.py``. Nothing is simulated where nothing moves but a counter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from creator.ops import ArgMax, Concatenate, Conv, Linear, Microscale, Permute, Slice, Softmax, Top1, beats, microscale
from creator.ops.argmax import Comparison
from creator.schedule.plan import NEAR_WORDS, Core, Feed, Plan
from tests.schedule.cycles.fifos import DeepFifo, Fifo
from tests.schedule.cycles.movement import (
    LONG,
    Part,
    Pipeline,
    Queue,
    Regrouping,
    Sieve,
    StoredCore,
    StreamRegister,
    Together,
    Turns,
    WindowCore,
)
from tests.schedule.cycles.sweeps import moves_of


def feed_parts(feed: Feed) -> list[Part]:
    """What stands between a stream and a core, in the order of the data."""
    parts: list[Part] = [StreamRegister()] if feed.registered else []
    parts += [(DeepFifo if NEAR_WORDS < feed.words < LONG else Fifo)(feed.words)] if feed.words else []
    return [*parts, Regrouping(feed.adapter)] if feed.adapter else parts


def core_parts(core: Core) -> list[Part]:
    """What a core consists of, in the order of the data; one part where it reads several streams."""
    op, lanes = core.node.op, core.lanes
    if isinstance(op, Linear):
        return [_linear_part(core, op)]
    if isinstance(op, Permute):
        return [StoredCore(op.block(core.input_type), 1, 2, rigid=False, row=1)]
    if core.sweeps:
        return [part for axis in core.sweeps for part in (StreamRegister(), moves_of(axis))][1:]
    if isinstance(op, Microscale):
        words, stages = op.words(core.input_type, lanes), (microscale.FRONT_STAGES, microscale.STAGES)
        return [Pipeline(stages[0], 1, rigid=False), StoredCore(words, 1, stages[1], rigid=False, row=1)]
    if isinstance(op, Softmax):
        found, each = Comparison(core.input_type, lanes), op.stages_behind_stores(core.input_type, lanes)
        front: list[Part] = [Pipeline(found.levels, 1, rigid=False)] if found.levels else []
        return [*front, *(StoredCore(found.words, 1, stages, rigid=False, row=1) for stages in each)]
    if isinstance(op, (ArgMax, Top1)):
        return [Pipeline(core.timing.delay, Comparison(core.input_type, lanes).words, rigid=False)]
    if isinstance(op, Concatenate) and lanes.input == lanes.output:
        return [Turns(op.run_beats(core.input_types, lanes))]
    if isinstance(op, Slice) and lanes.input == lanes.output:
        return [Sieve(*op.kept_beats(core.input_type, lanes))]
    kind = Together if len(core.feeds) > 1 else Pipeline
    return [kind(core.timing.delay, 1, rigid=False)]


def _linear_part(core: Core, op: Linear) -> Part:
    lanes = core.lanes
    words, groups = op.row_words(lanes), op.row_groups(lanes)
    stages, rigid = op.stages(lanes), core.queues
    part: Part
    if isinstance(op, Conv):
        part = WindowCore(op.ring(core.input_type, lanes), words, groups, stages, rigid)
    else:
        part = Pipeline(stages, words, rigid) if groups == 1 else StoredCore(words, groups, stages, rigid)
    return Queue(part) if core.queues else part


@dataclass(frozen=True)
class _Element:
    """A part, or a fork where there is none, and the numbers of the streams that go in and come out."""

    part: Part | None
    ins: list[int]
    outs: list[int]
    done: list[bool]  # of a fork: which of its branches have taken the beat that it offers


class Streams:
    """All parts of a plan, wired; stream 0 is the network's input, ``output`` its output.

    ``fifos`` are its queues, by the indices of a core and of its operand; ``place`` is how many beats of a frame have come in,
    ``accepts`` whether the output is taken.
    """

    def __init__(self, plan: Plan) -> None:
        self.elements: list[_Element] = []
        self.fifos: dict[tuple[int, int], Fifo | DeepFifo] = {}
        self.count, self.place, self.accepts = 1, 0, True
        branches: dict[tuple[int, int], int] = {}
        self._fork(plan.readers[plan.graph.input], 0, branches)
        for index, core in enumerate(plan.cores):
            ins = []
            for operand, feed in enumerate(core.feeds):
                stream = branches[index, operand]
                for part in feed_parts(feed):
                    stream = self._add(part, [stream])
                    if isinstance(part, (Fifo, DeepFifo)):
                        self.fifos[index, operand] = part
                ins.append(stream)
            for part in core_parts(core):
                ins = [self._add(part, ins)]
            (self.output,) = ins
            self._fork(plan.readers[core.node.name], self.output, branches)
        self.parts = [element.part for element in self.elements if element.part is not None]
        self.valids, self.readies = [False] * self.count, [False] * self.count

    def _add(self, part: Part, ins: list[int]) -> int:
        self.elements.append(_Element(part, ins, [self.count], []))
        self.count += 1
        return self.count - 1

    def _fork(self, readers: tuple[tuple[int, int], ...], stream: int, branches: dict[tuple[int, int], int]) -> None:
        if len(readers) <= 1:
            branches.update(dict.fromkeys(readers, stream))
            return
        outs = list(range(self.count, self.count + len(readers)))
        self.count += len(readers)
        self.elements.append(_Element(None, [stream], outs, [False] * len(readers)))
        branches.update(zip(readers, outs, strict=True))

    def look(self, offers: bool) -> list[bool]:
        """The streams on which a beat moves in this cycle, if the input offers one or not."""
        valids, readies = self.valids, self.readies
        valids[0], readies[self.output] = offers, self.accepts
        for element in self.elements:
            if element.part is not None:
                valids[element.outs[0]] = element.part.valid
            else:
                for out, done in zip(element.outs, element.done, strict=True):
                    valids[out] = valids[element.ins[0]] and not done
        for element in reversed(self.elements):
            if element.part is None:
                readies[element.ins[0]] = all(d or readies[o] for o, d in zip(element.outs, element.done, strict=True))
            elif len(element.ins) == 1:
                readies[element.ins[0]] = element.part.ready(readies[element.outs[0]])
            else:
                asked = element.part.readies([valids[i] for i in element.ins], readies[element.outs[0]])
                for stream, ready in zip(element.ins, asked, strict=True):
                    readies[stream] = ready
        return [valid and ready for valid, ready in zip(valids, readies, strict=True)]

    def clock(self, moves: list[bool]) -> None:
        """The end of the cycle."""
        for element in self.elements:
            if element.part is not None:
                element.part.take([moves[i] for i in element.ins], self.readies[element.outs[0]])
            elif self.valids[element.ins[0]]:
                taken = not moves[element.ins[0]]
                element.done[:] = [taken and (d or moves[o]) for o, d in zip(element.outs, element.done, strict=True)]

    def quiet(self) -> int:
        """For how many cycles nothing but counters will change, if no beat moves in this one."""
        return min(part.quiet() for part in self.parts)

    def skip(self, cycles: int) -> None:
        """Lets so many quiet cycles pass."""
        for part in self.parts:
            part.skip(cycles)

    def state(self) -> tuple[object, ...]:
        """All that the parts and forks remember, and how much of a frame has come in."""
        return (
            self.place,
            *(_state(part) for part in self.parts),
            *(tuple(element.done) for element in self.elements if element.done),
        )


def run(plan: Plan, streams: Streams, frames: int, pace: int = 0) -> Iterator[int]:
    """The cycles in which frames' last beats are given, counted from the one that takes the first beat.

    With a ``pace`` the input offers a frame only that many cycles after the one before it, or later.

    Raises:
        AssertionError: if the network hangs.
    """
    each_in = beats(plan.graph.input_type.size, plan.input_lanes)
    each_out = beats(plan.graph.output_type.size, plan.output_lanes)
    cycle = taken = given = first = 0
    while given < frames * each_out:
        begins = taken // each_in * pace
        moves = streams.look(taken < frames * each_in and cycle >= begins)
        if not any(moves):
            still = streams.quiet()
            still = min(still, begins - cycle) if taken < frames * each_in and cycle < begins else still
            assert still < LONG, "the network hangs"
            if still:
                streams.skip(still)
                cycle += still
                continue
        streams.clock(moves)
        first = cycle if moves[0] and not taken else first
        taken += moves[0]
        streams.place = taken % each_in
        given += moves[streams.output]
        if moves[streams.output] and given % each_out == 0:
            yield cycle - first
        cycle += 1


def frame_ends(plan: Plan, frames: int) -> list[int]:
    """The cycles in which the last beats of ``frames`` frames are given, counted from the one that takes the first beat.

    Input is always offered, and output always taken.
    """
    return list(run(plan, Streams(plan), frames))


def steady_interval(plan: Plan) -> int:
    """Clock cycles from one frame to the next once every frame finds the network as the one before it did.

    That is at least the interval of the slowest core. It is more where a core gives its results in bursts that an adapter after
    it cannot take as fast, and then has none for it. Should frames differ in turn, it is their mean, rounded up.
    """
    seen: dict[object, tuple[int, int]] = {}
    streams = Streams(plan)
    for frame, cycle in enumerate(run(plan, streams, LONG)):
        state = streams.state()
        if state in seen:
            first, begun = seen[state]
            return -(-(cycle - begun) // (frame - first))
        seen[state] = frame, cycle
    raise AssertionError("a network with finitely many states comes back to one of them")


def _state(part: Part) -> tuple[object, ...]:
    """All that a part remembers."""
    values: dict[str, Any] = vars(part)
    return tuple(
        _state(value) if isinstance(value, Part) else tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
        if not name.startswith("most")
    )

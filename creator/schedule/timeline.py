"""A model of a plan's streams, cycle by cycle: who offers, who takes, who waits. No data, only their movement.

Every part of a pipeline follows the same few rules as its VHDL. Nothing is simulated where nothing moves but a counter.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from creator.ops import Linear, beats
from creator.schedule.plan import Adapter, Core, Plan

_LONG = 1 << 62


class _Part:
    """Something between two streams.

    ``valid`` says whether it offers a beat in the current cycle.
    """

    valid: bool = False

    def ready(self, out_ready: bool) -> bool:
        """Whether it takes a beat in this cycle."""
        raise NotImplementedError

    def clock(self, arrives: bool, out_ready: bool) -> None:
        """The end of the cycle; ``arrives`` if a beat was taken."""
        raise NotImplementedError

    def quiet(self) -> int:
        """For how many cycles at least nothing happens at its output, whatever is ready, if nothing arrives."""
        return 0 if self.valid else _LONG

    def skip(self, cycles: int) -> None:
        """Lets so many quiet cycles pass."""


class _Pipeline(_Part):
    """Registers in a row that all stop when the output stalls; every ``words``-th beat that goes in comes out.

    ``rigid``: they stop then even where there is nothing to offer.
    """

    def __init__(self, stages: int, words: int, rigid: bool) -> None:
        self.words, self.word, self.rigid = words, 0, rigid
        self.stages = [False] * stages

    @property
    def valid(self) -> bool:  # type: ignore[override]
        return self.stages[-1]

    def ready(self, out_ready: bool) -> bool:
        return out_ready or not (self.rigid or self.valid)

    def clock(self, arrives: bool, out_ready: bool) -> None:
        if not self.ready(out_ready):
            return
        ends = arrives and self.word == self.words - 1
        self.word = (self.word + arrives) % self.words
        self.stages = [ends, *self.stages[:-1]]

    def quiet(self) -> int:
        return 0 if any(self.stages) else _LONG


class _StoredCore(_Part):
    """Stores frames in two banks, and computes one while the next one arrives."""

    def __init__(self, words: int, groups: int, stages: int, rigid: bool) -> None:
        self.words, self.frame = words, words * groups
        self.pipeline = _Pipeline(stages, words, rigid)
        self.full = [False, False]
        self.write_bank = self.read_bank = self.written = self.issued = 0

    @property
    def valid(self) -> bool:  # type: ignore[override]
        return self.pipeline.valid

    def ready(self, out_ready: bool) -> bool:
        return not self.full[self.write_bank]

    def clock(self, arrives: bool, out_ready: bool) -> None:
        issues = self.full[self.read_bank] and self.pipeline.ready(out_ready)
        self.pipeline.clock(issues, out_ready)
        if arrives:
            self.written += 1
            if self.written == self.words:
                self.full[self.write_bank], self.written = True, 0
                self.write_bank ^= 1
        if issues:
            self._issue(1)

    def _issue(self, count: int) -> None:
        self.issued += count
        if self.issued == self.frame:
            self.full[self.read_bank], self.issued = False, 0
            self.read_bank ^= 1

    def quiet(self) -> int:
        if self.pipeline.quiet() == 0:
            return 0
        return self.words - 1 - self.pipeline.word if self.full[self.read_bank] else _LONG

    def skip(self, cycles: int) -> None:
        if self.full[self.read_bank]:
            self.pipeline.word += cycles
            self._issue(cycles)


class _Queue(_Part):
    """A part whose results wait in a queue of eight, and which stops by a register."""

    def __init__(self, part: _Part) -> None:
        self.part, self.held, self.arrives, self.accept = part, 0, False, True

    @property
    def valid(self) -> bool:  # type: ignore[override]
        return self.held > 0

    def ready(self, out_ready: bool) -> bool:
        return self.part.ready(self.accept)

    def clock(self, arrives: bool, out_ready: bool) -> None:
        push = self.accept and self.part.valid
        self.part.clock(arrives, self.accept)
        self.accept = self.held <= 5
        self.held += self.arrives - (self.valid and out_ready)
        self.arrives = push

    def quiet(self) -> int:
        return 0 if self.held or self.arrives or not self.accept else self.part.quiet()

    def skip(self, cycles: int) -> None:
        self.part.skip(cycles)


class _StreamRegister(_Part):
    """Two places, so that neither side waits for the other in the same cycle."""

    def __init__(self) -> None:
        self.spare = False

    def ready(self, out_ready: bool) -> bool:
        return not self.spare

    def clock(self, arrives: bool, out_ready: bool) -> None:
        if out_ready or not self.valid:
            self.valid, self.spare = arrives or self.spare, False
        elif not self.spare:
            self.spare = arrives


class _Regrouping(_Part):
    """An :class:`~creator.schedule.plan.Adapter`."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter, self.beat, self.pending = adapter, 0, 0

    @property
    def valid(self) -> bool:  # type: ignore[override]
        return self.pending > 0

    def ready(self, out_ready: bool) -> bool:
        return self.pending == 0 or (self.pending == 1 and out_ready)

    def clock(self, arrives: bool, out_ready: bool) -> None:
        self.pending -= self.valid and out_ready
        if arrives:
            adapter, place = self.adapter, self.beat * self.adapter.input % self.adapter.output
            last = self.beat == beats(adapter.size, adapter.input) - 1
            held = place + (adapter.remainder if last else adapter.input)
            self.pending = beats(held, adapter.output) if last else held // adapter.output
            self.beat = 0 if last else self.beat + 1


def _parts_of(core: Core) -> list[_Part]:
    """What a core consists of, in the order of the data."""
    parts: list[_Part] = [_StreamRegister()] if core.registered else []
    parts += [_Regrouping(core.adapter)] if core.adapter else []
    op, lanes = core.node.op, core.lanes
    if not isinstance(op, Linear):
        return [*parts, _Pipeline(core.timing.delay, 1, rigid=False)]
    words, groups = beats(op.in_features, lanes.input), beats(op.out_features, lanes.output)
    stages, rigid = op.stages(lanes), core.queues
    part = _Pipeline(stages, words, rigid) if groups == 1 else _StoredCore(words, groups, stages, rigid)
    return [*parts, _Queue(part) if core.queues else part]


def _ends(plan: Plan, frames: int) -> Iterator[tuple[int, list[_Part]]]:
    """The cycles in which frames' last beats are given, the one that takes the first beat being 0; the parts after each."""
    parts = [part for core in plan.cores for part in _parts_of(core)]
    waiting = frames * beats(plan.graph.input_type.size, plan.input_lanes)
    each = beats(plan.graph.output_type.size, plan.output_lanes)
    cycle = given = 0
    while given < frames * each:
        readies = [True]
        for part in reversed(parts):
            readies.insert(0, part.ready(readies[0]))
        offers = [waiting > 0, *(part.valid for part in parts)]
        moves = [offer and ready for offer, ready in zip(offers, readies, strict=True)]
        waiting -= moves[0]
        for part, (arrives, _), (_, out_ready) in zip(parts, pairwise(moves), pairwise(readies), strict=True):
            part.clock(arrives, out_ready)
        if moves[-1]:
            given += 1
            if given % each == 0:
                yield cycle, parts
        cycle += 1
        if waiting == 0 or not parts[0].ready(False):
            still = min(part.quiet() for part in parts)
            if 0 < still < _LONG:
                for part in parts:
                    part.skip(still)
                cycle += still


def frame_ends(plan: Plan, frames: int) -> list[int]:
    """The cycles in which the last beats of ``frames`` frames are given, counted from the one that takes the first beat.

    Input is always offered, and output always taken.
    """
    return [cycle for cycle, _ in _ends(plan, frames)]


def latency(plan: Plan) -> int:
    """Clock cycles from the one that takes a frame's first beat to the one that gives its last result."""
    return frame_ends(plan, 1)[0]


def steady_interval(plan: Plan) -> int:
    """Clock cycles from one frame to the next once every frame finds the network as the one before it did.

    That is at least the interval of the slowest core. It is more where a core gives its results in bursts that an adapter after
    it cannot take as fast, and then has none for it. Should frames differ in turn, it is their mean, rounded up.
    """
    seen: dict[object, tuple[int, int]] = {}
    for frame, (cycle, parts) in enumerate(_ends(plan, _LONG)):
        state = tuple(map(_state, parts))
        if state in seen:
            first, begun = seen[state]
            return -(-(cycle - begun) // (frame - first))
        seen[state] = frame, cycle
    raise AssertionError("a network with finitely many states comes back to one of them")


def _state(part: _Part) -> tuple[object, ...]:
    """All that a part remembers."""
    return tuple(
        _state(value) if isinstance(value, _Part) else tuple(value) if isinstance(value, list) else value
        for value in vars(part).values()
    )

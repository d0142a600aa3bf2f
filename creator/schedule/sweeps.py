"""How what sweeps over a sample along one axis moves beats: pooling, repeating, spreading. See ``creator/ops/axis.py``."""

from __future__ import annotations

from collections.abc import Iterator

from creator.ops.axis import Axis, PoolAxis, RepeatAxis, SpreadAxis
from creator.schedule.lines import LONG, Line
from creator.schedule.movement import Lined, Part


class Sweep(Lined):
    """A line into which, after some of the beats, more goes that does not come from outside; the next beat waits for that.

    Args:
        stages: of the line.
        gives: of each beat that comes, in turn, whether one goes out for it.
        more: of each, how many go out after it.
    """

    def __init__(self, stages: int, gives: list[bool], more: list[int]) -> None:
        super().__init__(Line(stages))
        self.gives, self.more = gives, more
        self.place = self.next = 0  # in these lists; the line's time from which on a beat can come

    def offer(self, cycle: int) -> int | None:
        line = self.line
        cycle = line.enter(cycle)
        u = cycle - line.lost
        if u < self.next:
            u = self.next
            cycle = line.cycle_of(u)
        if cycle >= line.known:
            self.waits = cycle
            return None
        place = self.place
        more = self.more[place]
        self.next = u + 1 + more
        u += line.stages
        if self.gives[place]:
            line.put(u)
        if more:
            line.put(u + 1, 1, more)
        place += 1
        self.place = place if place < len(self.gives) else 0
        return cycle

    def memory(self) -> Iterator[int]:
        yield from super().memory()
        yield self.next + self.line.lost


class Spreading(Lined):
    """A :class:`SpreadAxis`: holds a beat until its place comes. A run begins once its first beat is there."""

    def __init__(self, axis: SpreadAxis) -> None:
        super().__init__(Line(1))
        inner = axis.inner
        between = [0] * (inner - 1) + [(axis.step - 1) * inner]
        # Of each beat of a run, how many go out before it that are not from outside, and how many after it.
        self.before = [axis.before * inner] + [0] * (axis.length * inner - 1)
        self.after = between * (axis.length - 1) + [0] * (inner - 1) + [axis.after * inner]
        self.place = 0
        self.next = 0  # the line's time from which on something can go out
        self.held: int | None = None  # the beat that is held, if it is not known when its place comes: from when on that can be
        self.begun = False  # whether what goes before it has gone
        self.left = -LONG  # when the last one went

    def offer(self, cycle: int) -> int | None:
        if self.held is not None:
            self.waits = cycle
            return None
        cycle = max(cycle, self.left)
        self.held = cycle + 1
        self._go()
        return cycle

    def _go(self) -> None:
        """Lets out the beat that is held, as far as it is known when."""
        line = self.line
        if self.held is None:
            return
        if not self.begun:
            self.held = line.enter(self.held)
            if self.held >= line.known:
                return
            u, before = max(self.held - line.lost, self.next), self.before[self.place]
            if before:
                line.put(u + 1, 1, before)
            self.next, self.begun = u + before, True
        cycle = line.cycle_of(self.next)
        if cycle >= line.known:
            return
        after = self.after[self.place]
        line.put(self.next + 1, 1, 1 + after)
        self.next += 1 + after
        self.left, self.held, self.begun = cycle, None, False
        self.place = (self.place + 1) % len(self.after)

    def wake(self) -> None:
        self._go()
        super().wake()

    def memory(self) -> Iterator[int]:
        yield from super().memory()
        yield from (self.next + self.line.lost, self.left)


def moves_of(axis: Axis) -> Part:
    """The part that moves beats as the axis's entity does."""
    match axis:
        case PoolAxis():
            gives = [gives for gives in axis.gives[: axis.length] for _ in range(axis.inner)]
            return Sweep(axis.stages, gives, [0] * (len(gives) - 1) + [axis.flush * axis.inner])
        case RepeatAxis():
            more = [0] * (axis.inner - 1) + [(axis.times - 1) * axis.inner]
            return Sweep(axis.stages, [True] * axis.inner, more)
        case SpreadAxis():
            return Spreading(axis)
    raise AssertionError(axis)

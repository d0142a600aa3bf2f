"""How what sweeps over a sample along one axis moves beats: pooling, repeating, spreading. See ``creator/ops/axis.py``."""

from __future__ import annotations

from creator.ops.axis import Axis, PoolAxis, RepeatAxis, SpreadAxis
from tests.schedule.cycles.movement import LONG, Part


class Sweep(Part):
    """Registers in a row that all stop when the output stalls, and counters of a beat's place before them."""

    def __init__(self, axis: Axis) -> None:
        self._axis = axis
        self.beat = self.position = 0
        self.stages = [False] * axis.stages

    @property
    def valid(self) -> bool:  # type: ignore[override]
        return self.stages[-1]

    def moves(self, out_ready: bool) -> bool:
        """Whether the registers do not stop."""
        return out_ready or not self.valid

    def advance(self, positions: int) -> None:
        """To the next beat of so many positions."""
        self.beat += 1
        if self.beat == self._axis.inner:
            self.beat, self.position = 0, (self.position + 1) % positions


class Pooling(Sweep):
    """A :class:`PoolAxis`: takes a beat a cycle, but none for what remains after a run's last one."""

    _axis: PoolAxis

    @property
    def flushes(self) -> bool:
        """Whether it gives what remains."""
        return self.position >= self._axis.length

    def ready(self, out_ready: bool) -> bool:
        return self.moves(out_ready) and not self.flushes

    def clock(self, arrives: bool, out_ready: bool) -> None:
        if not self.moves(out_ready):
            return
        steps = arrives or self.flushes
        self.stages = [steps and self._axis.gives[self.position], *self.stages[:-1]]
        if steps:
            self.advance(len(self._axis.gives))

    def quiet(self) -> int:
        return 0 if any(self.stages) or self.flushes else LONG


class Repeating(Sweep):
    """A :class:`RepeatAxis`: takes a position's beats, and then gives them again."""

    _axis: RepeatAxis

    def ready(self, out_ready: bool) -> bool:
        return self.moves(out_ready) and self.position == 0

    def clock(self, arrives: bool, out_ready: bool) -> None:
        if not self.moves(out_ready):
            return
        steps = arrives or self.position > 0
        self.stages = [steps, *self.stages[:-1]]
        if steps:
            self.advance(self._axis.times)  # the turn takes the place of a position

    def quiet(self) -> int:
        return 0 if any(self.stages) or self.position > 0 else LONG


class Spreading(Sweep):
    """A :class:`SpreadAxis`: holds a beat until its place comes. A run begins once its first beat is there."""

    _axis: SpreadAxis

    def __init__(self, axis: SpreadAxis) -> None:
        super().__init__(axis)
        self.stages = [False]
        self.held = False

    @property
    def waits(self) -> bool:
        """Whether what comes next needs the beat that is held."""
        return self._axis.inside(self.position) or (self.position == 0 and self.beat == 0)

    def steps(self, out_ready: bool) -> bool:
        """Whether a beat goes to the output's register."""
        return self.moves(out_ready) and (self.held or not self.waits)

    def takes(self, out_ready: bool) -> bool:
        """Whether that is the one that is held."""
        return self.steps(out_ready) and self._axis.inside(self.position)

    def ready(self, out_ready: bool) -> bool:
        return not self.held or self.takes(out_ready)

    def clock(self, arrives: bool, out_ready: bool) -> None:
        steps, takes, moves = self.steps(out_ready), self.takes(out_ready), self.moves(out_ready)
        if moves:
            self.stages = [steps]
        self.held = arrives or (self.held and not takes)
        if steps:
            self.advance(self._axis.positions)

    def quiet(self) -> int:
        return 0 if self.valid or self.held or not self.waits else LONG


def moves_of(axis: Axis) -> Part:
    """The part that moves beats as the axis's entity does."""
    match axis:
        case PoolAxis():
            return Pooling(axis)
        case RepeatAxis():
            return Repeating(axis)
        case SpreadAxis():
            return Spreading(axis)
    raise AssertionError(axis)

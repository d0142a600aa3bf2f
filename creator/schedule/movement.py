"""How the parts of a pipeline move beats, cycle by cycle: each follows the same few rules as its VHDL."""

from __future__ import annotations

from creator.ops import beats
from creator.ops.window import Ring
from creator.schedule.plan import Adapter

LONG = 1 << 62


class Part:
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
        return 0 if self.valid else LONG

    def skip(self, cycles: int) -> None:
        """Lets so many quiet cycles pass."""


class Pipeline(Part):
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
        return 0 if any(self.stages) else LONG


class StoredCore(Part):
    """Stores frames in two banks, and computes one while the next one arrives."""

    def __init__(self, words: int, groups: int, stages: int, rigid: bool, row: int | None = None) -> None:
        self.words, self.frame = words, words * groups
        self.pipeline = Pipeline(stages, words if row is None else row, rigid)
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
        return self.pipeline.words - 1 - self.pipeline.word if self.full[self.read_bank] else LONG

    def skip(self, cycles: int) -> None:
        if self.full[self.read_bank]:
            self.pipeline.word += cycles
            self._issue(cycles)


class WindowCore(Part):
    """Reads windows from a ring, while beats arrive in it as far as there is room; ``groups`` results for each window."""

    def __init__(self, ring: Ring, words: int, groups: int, stages: int, rigid: bool) -> None:
        self._ring, self.window = ring, words * groups
        self.pipeline = Pipeline(stages, words, rigid)
        self.held, self.behind = ring.start, 0  # from the window's base to the newest beat; frames read less those complete
        self.arrived = self.read = self.x = self.y = 0

    @property
    def valid(self) -> bool:  # type: ignore[override]
        return self.pipeline.valid

    @property
    def available(self) -> bool:
        """Whether all of the window is there."""
        return self.held >= self._ring.span or self.behind < 0

    def ready(self, out_ready: bool) -> bool:
        return self.held < self._ring.depth

    def clock(self, arrives: bool, out_ready: bool) -> None:
        issues = self.available and self.pipeline.ready(out_ready)
        self.pipeline.clock(issues, out_ready)
        if arrives:
            self.held += 1
            self.arrived += 1
            if self.arrived == self._ring.frame:
                self.arrived, self.behind = 0, self.behind - 1
        if issues:
            self._issue(1)

    def _issue(self, count: int) -> None:
        self.read += count
        if self.read < self.window:
            return
        rows, columns = self._ring.places
        jump = self._ring.jump
        self.read, self.x = 0, self.x + 1
        if self.x < columns:
            self.held -= jump.window
            return
        self.x, self.y = 0, self.y + 1
        if self.y < rows:
            self.held -= jump.row
            return
        self.y = 0
        self.held -= jump.frame
        self.behind += 1

    def quiet(self) -> int:
        if self.pipeline.quiet() == 0:
            return 0
        return self.pipeline.words - 1 - self.pipeline.word if self.available else LONG

    def skip(self, cycles: int) -> None:
        if self.available:
            self.pipeline.word += cycles
            self._issue(cycles)


class Queue(Part):
    """A part whose results wait in a queue of eight, and which stops by a register."""

    def __init__(self, part: Part) -> None:
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


class StreamRegister(Part):
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


class Regrouping(Part):
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

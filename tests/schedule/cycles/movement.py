"""How the parts of a pipeline move beats, cycle by cycle: each follows the same few rules as its VHDL."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from creator.formats import IntArray
from creator.ops import beats
from creator.ops.window import Ring
from creator.schedule.plan import Adapter

LONG = 1 << 62


class Part:
    """Something between streams: one or several come in, one goes out.

    ``valid`` says whether it offers a beat in the current cycle. Parts of one stream in have :meth:`ready` and :meth:`clock`,
    others their own :meth:`readies` and :meth:`take`.
    """

    valid: bool = False

    def ready(self, out_ready: bool) -> bool:
        """Whether it takes a beat in this cycle."""
        raise NotImplementedError

    def clock(self, arrives: bool, out_ready: bool) -> None:
        """The end of the cycle; ``arrives`` if a beat was taken."""
        raise NotImplementedError

    def readies(self, valids: Sequence[bool], out_ready: bool) -> list[bool]:
        """Whether it takes a beat of each stream, of which ``valids`` offer one."""
        del valids
        return [self.ready(out_ready)]

    def take(self, moves: Sequence[bool], out_ready: bool) -> None:
        """The end of the cycle; ``moves`` are the streams of which a beat was taken."""
        self.clock(moves[0], out_ready)

    def taken(self, there: Sequence[IntArray]) -> list[IntArray]:
        """Of each stream how many beats it can take, ever, where so many are ``there``."""
        return list(there)

    def results(self, taken: Sequence[IntArray]) -> IntArray:
        """How many beats it gives, in the end, of as many as it has taken of each stream."""
        return given(self, int(taken[0][-1]))[taken[0]]

    def quiet(self) -> int:
        """For how many cycles at least nothing happens at its output, if no beat comes in and none is taken from it."""
        return 0 if self.valid else LONG

    def skip(self, cycles: int) -> None:
        """Lets so many quiet cycles pass."""


class Pipeline(Part):
    """Registers in a row that all stop when the output stalls; every ``words``-th beat that goes in comes out.

    ``rigid``: they stop then even where there is nothing to offer.
    """

    def __init__(self, stages: int, words: int, rigid: bool) -> None:
        self.words, self.word, self.rigid = words, 0, rigid
        self.stages = stages
        self.flight = 0  # bit i: whether register i holds something

    @property
    def valid(self) -> bool:  # type: ignore[override]
        return self.flight >> (self.stages - 1) == 1

    def ready(self, out_ready: bool) -> bool:
        return out_ready or not (self.rigid or self.valid)

    def clock(self, arrives: bool, out_ready: bool) -> None:
        if not self.ready(out_ready):
            return
        ends = arrives and self.word == self.words - 1
        self.word = (self.word + arrives) % self.words
        self.flight = (self.flight << 1 | ends) & ((1 << self.stages) - 1)

    def quiet(self) -> int:
        return LONG if self.valid or not self.flight else self.stages - self.flight.bit_length()

    def quiet_while(self, issuing: bool) -> int:
        """:meth:`quiet` where something goes in every cycle, or nothing: until a row of it ends, too."""
        quiet = self.quiet()
        return min(quiet, self.words - 1 - self.word) if issuing and not self.valid else quiet

    def skip(self, cycles: int) -> None:
        self.flight <<= 0 if self.valid else cycles


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
        return self.pipeline.quiet_while(issuing=self.full[self.read_bank])

    def skip(self, cycles: int) -> None:
        if self.full[self.read_bank] and not self.valid:
            self.pipeline.word += cycles
            self._issue(cycles)
        self.pipeline.skip(cycles)


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
        return self.pipeline.quiet_while(issuing=self.available)

    def skip(self, cycles: int) -> None:
        if self.available and not self.valid:
            self.pipeline.word += cycles
            self._issue(cycles)
        self.pipeline.skip(cycles)


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
        if self.arrives or self.accept != (self.held <= 5) or (self.accept and self.part.valid):
            return 0
        return self.part.quiet() if self.accept else LONG

    def skip(self, cycles: int) -> None:
        if self.accept:
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

    def quiet(self) -> int:
        return LONG


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

    def quiet(self) -> int:
        return LONG


class Together(Pipeline):
    """A pipeline that takes a beat of every stream in the same cycle."""

    def readies(self, valids: Sequence[bool], out_ready: bool) -> list[bool]:
        enable = self.ready(out_ready)
        return [enable and all(other for j, other in enumerate(valids) if j != i) for i in range(len(valids))]

    def take(self, moves: Sequence[bool], out_ready: bool) -> None:
        self.clock(moves[0], out_ready)

    def taken(self, there: Sequence[IntArray]) -> list[IntArray]:
        return [np.minimum.reduce(list(there))] * len(there)

    def results(self, taken: Sequence[IntArray]) -> IntArray:
        return taken[0]


class Turns(Pipeline):
    """A pipeline that takes ``runs[0]`` beats of the first stream, then ``runs[1]`` of the second, and so on in turn."""

    def __init__(self, runs: tuple[int, int]) -> None:
        super().__init__(1, 1, rigid=False)
        self.runs, self.turn, self.place = runs, 0, 0

    def readies(self, valids: Sequence[bool], out_ready: bool) -> list[bool]:
        enable = self.ready(out_ready)
        return [enable and self.turn == 0, enable and self.turn == 1]

    def take(self, moves: Sequence[bool], out_ready: bool) -> None:
        arrives = moves[self.turn]
        self.clock(arrives, out_ready)
        self.place += arrives
        if self.place == self.runs[self.turn]:
            self.place, self.turn = 0, 1 - self.turn

    def taken(self, there: Sequence[IntArray]) -> list[IntArray]:
        (a, b), (first, second) = self.runs, there
        # Whole rounds, and what comes after them: of the second only where the run of the first is complete.
        rounds = np.minimum(first // a, second // b)
        left = np.minimum(first - rounds * a, a)
        return [rounds * a + left, rounds * b + np.where(left == a, np.minimum(second - rounds * b, b), 0)]

    def results(self, taken: Sequence[IntArray]) -> IntArray:
        return taken[0] + taken[1]


class Sieve(Pipeline):
    """A pipeline in which of every ``run`` beats those from ``start`` to ``stop - 1`` go on."""

    def __init__(self, start: int, stop: int, run: int) -> None:
        super().__init__(1, 1, rigid=False)
        self.kept, self.run, self.place = (start, stop), run, 0

    def clock(self, arrives: bool, out_ready: bool) -> None:
        start, stop = self.kept
        if self.ready(out_ready):
            self.flight = int(arrives and start <= self.place < stop)
            self.place = (self.place + arrives) % self.run


def given(part: Part, count: int) -> IntArray:
    """How many beats ``part``, which has one stream in, gives of a frame of which it has taken 0, 1, ... ``count`` beats."""
    part, total = copy.deepcopy(part), 0
    found = np.zeros(count + 1, dtype=np.int64)
    for taken in range(1, count + 1):
        waits = True
        while waits or part.valid or part.quiet() < LONG:
            if not waits and not part.valid:
                part.skip(part.quiet())
            moves = waits and part.ready(True)
            total += part.valid
            part.clock(moves, True)
            waits = waits and not moves
        found[taken] = total
    return found

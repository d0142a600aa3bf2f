"""How the parts of a pipeline move beats: from when each beat is offered, and which cycle takes it.

No cycle is simulated. A part answers the offer of a beat with the cycle that takes it, and offers what comes of it to the part
behind, as far as all that decides about it is known; the rest it answers once it is. So the work is that of the beats,
however many cycles lie between them. ``tests/schedule/cycles`` has the same parts cycle by cycle, as their VHDL is written, and
``tests/schedule/test_movement.py`` compares the two.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Sequence

from creator.ops.window import Ring
from creator.schedule.lines import Line, Offer, Tell

Desk = list[tuple[Tell, int]]
"""What is to be told, and to whom, once nothing else is being done."""


class Part:
    """Something between streams: one or several come in, one goes out.

    Of each stream in a beat is offered only once it is known when the one before it is taken, and from a later cycle on.
    """

    give: Offer  # a beat to the part behind
    tells: list[Tell]  # the parts before
    desk: Desk

    def __init__(self) -> None:
        self.waits: int | None = None  # the beat that is not answered yet: from when on it can be taken

    def offer(self, cycle: int) -> int | None:
        """Where one stream comes in: see :data:`Offer`."""
        raise NotImplementedError

    def offers(self) -> list[Offer]:
        """Of each stream in, what is called for a beat."""
        return [self.offer]

    def taken(self, cycle: int) -> None:
        """What was offered to the part behind, and not answered, is taken in ``cycle``."""
        raise NotImplementedError

    def connect(self, give: Offer) -> Tell:
        """Puts a part behind this one; gives what is to be told about its beats."""
        self.give = give
        return self.taken

    def wake(self) -> None:
        """Answers the beat that waits, if that can be done by now."""
        if self.waits is not None:
            cycle, self.waits = self.waits, None
            answer = self.offer(cycle)
            if answer is not None:
                self.desk.append((self.tells[0], answer))

    def memory(self) -> Iterator[int]:
        """After a frame: the cycles on which it depends when those to come are taken."""
        yield from ()


class Lined(Part):
    """A part that ends in a line."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self.line = line
        line.wake = self.wake

    def connect(self, give: Offer) -> Tell:
        self.line.give = give
        return self.line.taken

    def memory(self) -> Iterator[int]:
        return self.line.memory()


class Pipeline(Lined):
    """Registers in a row; every ``words``-th beat that goes in comes out."""

    def __init__(self, line: Line, words: int = 1) -> None:
        super().__init__(line)
        self.words, self.word = words, 0

    def offer(self, cycle: int) -> int | None:
        line = self.line
        if line.stops or cycle >= line.known:
            cycle = line.enter(cycle)
            if cycle >= line.known:
                self.waits = cycle
                return None
        self.word += 1
        if self.word == self.words:
            self.word = 0
            line.put(cycle - line.lost + line.stages)
        return cycle


class Sieve(Pipeline):
    """One register; of every ``run`` beats those from ``start`` to ``stop - 1`` go on."""

    def __init__(self, start: int, stop: int, run: int) -> None:
        super().__init__(Line(1), run)
        self.start, self.stop = start, stop

    def offer(self, cycle: int) -> int | None:
        line = self.line
        cycle = line.enter(cycle)
        if cycle >= line.known:
            self.waits = cycle
            return None
        if self.start <= self.word < self.stop:
            line.put(cycle - line.lost + 1)
        self.word = (self.word + 1) % self.words
        return cycle


class Reader(Lined):
    """Reads windows of the beats that it holds, while beats arrive as far as there is room.

    Args:
        line: behind what is read.
        frame: beats that arrive.
        needs: of each of a frame's windows, in order, the beat with which all of it is there.
        frees: how many of the frame's beats are not needed any more once it has been read.
        room: for how many beats behind those there is room.
        step, count: reading a window takes ``count * step`` cycles in which the line moves; a beat goes out every ``step``.
    """

    def __init__(
        self, line: Line, frame: int, needs: Sequence[int], frees: Sequence[int], room: int, step: int, count: int
    ) -> None:
        super().__init__(line)
        self.frame, self.needs, self.frees, self.room = frame, needs, frees, room
        self.step, self.count = step, count
        # Where padding is wide, a window may need again what the one before it did not.
        self.grows = all(after >= before for before, after in itertools.pairwise((0, *frees)))
        self.place = self.begin = self.window = 0  # beats; those before this frame; windows of it that are there
        self.free = self.read = self.done = 0  # beats not needed; windows of a frame that were read; beats of those before it
        self.ready: deque[int] = deque()  # from when on windows can be read
        self.end, self.reads = -1, False  # the line's time at the last one's end, and whether its cycle is not known yet
        self.ends: deque[tuple[int, int]] = deque()  # those that are known, and what is not needed then

    def offer(self, cycle: int) -> int | None:
        ends, least = self.ends, self.place + 1 - self.room
        while ends and (ends[0][0] < cycle or self.free < least):
            end, self.free = ends.popleft()
            if end >= cycle:
                cycle = end + 1
        if self.free < least or not (self.grows or self._read_before(cycle)):
            self.waits = cycle
            return None
        place = self.place - self.begin
        self.place += 1
        needs, window = self.needs, self.window
        if window < len(needs) and needs[window] == place:
            while window < len(needs) and needs[window] == place:
                self.ready.append(cycle + 1)
                window += 1
            self.window = window
            self._read()
        if place + 1 == self.frame:
            self.begin, self.window = self.place, 0
        return cycle

    def _read_before(self, cycle: int) -> bool:
        """Whether it is known what was read before ``cycle``."""
        return not (self.reads or self.ready) or self.line.known >= cycle

    def _read(self) -> None:
        """Reads what is there, as far as it is known when."""
        line, ready, step, count = self.line, self.ready, self.step, self.count
        while ready and (not self.reads or self._ended()):
            cycle = line.enter(ready[0])
            if cycle >= line.known:
                ready[0] = cycle
                return
            ready.popleft()
            u = max(cycle - line.lost, self.end + 1)
            self.end, self.reads = u + step * count - 1, True
            line.put(u + step - 1 + line.stages, step, count)
            self._ended()

    def _ended(self) -> bool:
        """Whether it is known when the last window's end was, which is noted then."""
        cycle = self.line.cycle_of(self.end)
        if cycle >= self.line.known:
            return False
        self.ends.append((cycle, self.done + self.frees[self.read]))
        self.reads = False
        self.read += 1
        if self.read == len(self.frees):
            self.read, self.done = 0, self.done + self.frame
        return True

    def wake(self) -> None:
        if self.reads:
            self._ended()
        self._read()
        super().wake()

    def memory(self) -> Iterator[int]:
        yield from super().memory()
        yield self.end + self.line.lost
        yield from (end for end, _ in self.ends)


def stored_core(line: Line, words: int, groups: int, row: int | None = None) -> Reader:
    """Stores frames of ``words`` beats in two banks, and reads one ``groups`` times while the next one arrives; a beat goes out
    for every ``row`` of them, or for every frame."""
    step = words if row is None else row
    return Reader(line, words, [words - 1], [words], 2 * words, step, words * groups // step)


def window_core(line: Line, ring: Ring, words: int, groups: int) -> Reader:
    """Reads windows from a ring; ``groups`` results for each, of ``words`` beats."""
    rows, columns = ring.places
    needs, frees = list[int](), list[int]()
    free = newest = 0
    for window in range(rows * columns):
        newest = max(newest, min(free - ring.start + ring.span, ring.frame) - 1)
        free += (
            ring.jump.window if (window + 1) % columns else ring.jump.row if window + 1 < rows * columns else ring.jump.frame
        )
        needs.append(newest)
        frees.append(free)
    return Reader(line, ring.frame, needs, frees, ring.depth - ring.start, words, groups)

"""Rows of registers behind a core: when beats come out of them, and when they stop. See ``movement.py``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

LONG = 1 << 62

Offer = Callable[[int], int | None]
"""Takes the cycle from which on a beat is offered; gives the one that takes it, or ``None``: that is told later."""

Tell = Callable[[int], None]
"""Takes the cycle that took the beat offered last."""


class Line:
    """Registers in a row that all stop while the last one holds what is not taken.

    ``u`` counts the cycles in which they move: what goes in at ``u`` is offered from ``u + stages`` on. ``stops`` are those
    that are known and lie ahead of what goes in next: the ``u`` that comes after each, and how long it lasts. Those before
    lasted ``lost`` cycles together. What stops there are from cycle ``known`` on is not known yet.
    """

    def __init__(self, stages: int) -> None:
        self.stages = stages
        self.stops: deque[tuple[int, int]] = deque()
        self.lost = self.total = 0
        self.known = LONG
        self.flight: deque[int] = deque()  # when what is not answered comes out; the first of it is offered
        self.give: Offer
        self.wake: Callable[[], None]

    def enter(self, cycle: int) -> int:
        """The first cycle from ``cycle`` on in which the registers move; not known if it is not before ``known``."""
        stops = self.stops
        while stops and stops[0][0] + self.lost <= cycle:
            place, lasts = stops.popleft()
            self.lost += lasts
            cycle = max(cycle, place + self.lost)
        return cycle

    def cycle_of(self, u: int) -> int:
        """The cycle in which the registers move to ``u``; not known if it is not before ``known``."""
        stops = self.stops
        while stops and stops[0][0] <= u:
            self.lost += stops.popleft()[1]
        return u + self.lost

    def put(self, u: int, step: int = 1, count: int = 1) -> None:
        """``count`` beats come out at ``u``, ``u + step``, and so on."""
        if self.flight:
            self.flight.extend(range(u, u + step * count, step))
            return
        give = self.give
        for out in range(u, u + step * count, step):
            begin = out + self.total
            cycle = give(begin)
            if cycle is None:
                self.known = begin
                self.flight.extend(range(out, u + step * count, step))
                return
            if cycle > begin:
                self.stops.append((out, cycle - begin))
                self.total += cycle - begin

    def taken(self, cycle: int) -> None:
        """The first beat in flight is taken."""
        flight, answer = self.flight, cycle
        while True:
            out = flight.popleft()
            begin = out + self.total
            if answer > begin:
                self.stops.append((out, answer - begin))
                self.total += answer - begin
            if not flight:
                self.known = LONG
                break
            self.known = flight[0] + self.total
            found = self.give(self.known)
            if found is None:
                break
            answer = found
        self.wake()

    def memory(self) -> Iterator[int]:
        """When stops begin and end that are still ahead."""
        lost = self.lost
        for place, lasts in self.stops:
            yield place + lost
            lost += lasts
            yield place + lost


class QueuedLine(Line):
    """A line whose results wait in a queue of eight; it stops by a register, in which it is whether there is room.

    A beat that is pushed is offered two cycles later. A cycle after there are six the line stops, and moves again a cycle after
    there are five. So the push of a beat in cycle ``p`` stops it from ``p + 3`` on, until two cycles after the beat five before
    that one is taken, if that has not been by then.
    """

    def __init__(self, stages: int) -> None:
        super().__init__(stages)
        self.queue: deque[int] = deque()  # when beats were pushed that are not answered; the first of them is offered
        self.moved: deque[int] = deque([-LONG] * 5)  # when those were taken whose fifth successor is not pushed yet
        self.behind: deque[tuple[int, int]] = deque()  # stops that what comes out next has not passed
        self.passed = 0  # how long those lasted that it has
        self.last = self.end = -LONG  # when the last beat was taken, and the last stop ends
        self.offered = False

    def put(self, u: int, step: int = 1, count: int = 1) -> None:
        self.flight.extend(range(u, u + step * count, step))
        self._move()

    def taken(self, cycle: int) -> None:
        self._answer(cycle)
        self._move()
        self.wake()

    def _move(self) -> None:
        """Pushes and offers as far as it is known when."""
        while True:
            self._push()
            if self.offered or not self.queue:
                return
            cycle = self.give(max(self.queue[0] + 2, self.last + 1))
            if cycle is None:
                self.offered = True
            else:
                self._answer(cycle)

    def _push(self) -> None:
        while self.flight:
            out = self.flight[0]
            while self.behind and self.behind[0][0] <= out:
                self.passed += self.behind.popleft()[1]
            cycle = out + self.passed
            if cycle >= self.known:
                return
            self.flight.popleft()
            self.queue.append(cycle)
            if self.moved:
                self._stop(cycle, self.moved.popleft())
            else:
                self.known = self.queue[5] + 3

    def _answer(self, cycle: int) -> None:
        self.offered, self.last = False, cycle
        if len(self.queue) > 5:
            self._stop(self.queue[5], cycle)
        else:
            self.moved.append(cycle)
        self.queue.popleft()
        self.known = self.queue[5] + 3 if len(self.queue) > 5 else LONG

    def _stop(self, pushed: int, taken: int) -> None:
        begin = max(pushed + 3, self.end)
        if taken + 2 > begin:
            stop = begin - self.total, taken + 2 - begin
            self.stops.append(stop)
            self.behind.append(stop)
            self.total += stop[1]
            self.end = taken + 2

    def memory(self) -> Iterator[int]:
        yield from super().memory()
        yield from self.moved
        yield from (self.last, self.end)

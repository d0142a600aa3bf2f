"""How what stands between cores moves beats, and what joins streams: registers, queues, adapters. See ``movement.py``."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from creator.formats import IntArray
from creator.ops import beats
from creator.schedule.lines import LONG, Line, Offer, Tell
from creator.schedule.movement import Lined, Part
from creator.schedule.plan import Adapter


class StreamRegister(Part):
    """Two places, so that neither side waits for the other in the same cycle."""

    def __init__(self) -> None:
        super().__init__()
        self.last = self.before = -LONG  # when the last beat that is answered went on, and the one before it
        self.held: deque[int] = deque()  # when those came that are not; the first of them is offered

    def offer(self, cycle: int) -> int | None:
        if self.held:
            if len(self.held) == 2:
                self.waits = cycle
                return None
            cycle = max(cycle, self.last + 1)
            self.held.append(cycle)
            return cycle
        cycle = max(cycle, self.before + 1)
        answer = self.give(max(cycle, self.last) + 1)
        if answer is None:
            self.held.append(cycle)
        else:
            self.before, self.last = self.last, answer
        return cycle

    def taken(self, cycle: int) -> None:
        answer: int | None = cycle
        while answer is not None:
            self.before, self.last = self.last, answer
            self.held.popleft()
            if not self.held:
                break
            answer = self.give(max(self.held[0], self.last) + 1)
        self.wake()

    def memory(self) -> Iterator[int]:
        yield from (self.last, self.before)


class Regrouping(Part):
    """An :class:`~creator.schedule.plan.Adapter`: takes a beat with the last one that the beat before it has completed."""

    def __init__(self, adapter: Adapter) -> None:
        super().__init__()
        held, self.gives = 0, list[int]()  # of each beat of a frame, how many it completes
        for beat in range(beats(adapter.size, adapter.input)):
            last = (beat + 1) * adapter.input >= adapter.size
            held += adapter.remainder if last else adapter.input
            self.gives.append(beats(held, adapter.output) if last else held // adapter.output)
            held -= self.gives[-1] * adapter.output
        self.beat, self.left = 0, 0  # of those completed, how many are not answered; the first of them is offered
        self.last = -LONG

    def offer(self, cycle: int) -> int | None:
        if self.left:
            self.waits = cycle
            return None
        cycle = max(cycle, self.last)
        self.left = self.gives[self.beat]
        self.beat = (self.beat + 1) % len(self.gives)
        self._pass_on(cycle)
        return cycle

    def _pass_on(self, cycle: int) -> None:
        """Offers what is left, from the cycle after ``cycle`` on."""
        while self.left:
            answer = self.give(cycle + 1)
            if answer is None:
                return
            self.last = cycle = answer
            self.left -= 1

    def taken(self, cycle: int) -> None:
        self.last = cycle
        self.left -= 1
        self._pass_on(cycle)
        self.wake()

    def memory(self) -> Iterator[int]:
        yield self.last


class End(Part):
    """Takes every beat at once; ``count`` are those so far, ``last`` the cycle of the last one."""

    def __init__(self) -> None:
        super().__init__()
        self.count = self.last = 0

    def offer(self, cycle: int) -> int | None:
        self.count += 1
        self.last = cycle
        return cycle


def given(part: Part, count: int) -> IntArray:
    """How many beats ``part``, a new one of one stream in, gives of a frame of which it has taken 0, 1, ... ``count``."""
    end, cycle = End(), 0
    part.desk, part.tells = [], [part.connect(end.offer)]
    found = np.zeros(count + 1, dtype=np.int64)
    for taken in range(1, count + 1):
        answer = part.offer(cycle)
        assert answer is not None, "what is always taken leaves nothing unanswered"
        cycle, found[taken] = answer + 1, end.count
    return found


class Relay(Part):
    """Nothing, for a stream: where it stands, what calls what begins anew, so that no network is too long."""

    def offer(self, cycle: int) -> int | None:
        self.desk.append((self._offer, cycle))
        return None

    def _offer(self, cycle: int) -> None:
        answer = self.give(cycle)
        if answer is not None:
            self.taken(answer)

    def taken(self, cycle: int) -> None:
        self.desk.append((self.tells[0], cycle))


class Fork(Part):
    """Hands a beat to several parts; it is taken with the last one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.gives: list[Offer] = []
        self.last = self.missing = 0  # when the last of those that have answered took it, and how many have not

    def connect(self, give: Offer) -> Tell:
        self.gives.append(give)
        return self.taken

    def offer(self, cycle: int) -> int | None:
        last = missing = 0
        for give in self.gives:
            answer = give(cycle)
            if answer is None:
                missing += 1
            elif answer > last:
                last = answer
        self.last, self.missing = last, missing
        return None if missing else last

    def taken(self, cycle: int) -> None:
        self.last = max(self.last, cycle)
        self.missing -= 1
        if not self.missing:
            self.desk.append((self.tells[0], self.last))


class Join(Lined):
    """Takes beats of two streams. ``offered`` are those that are not answered: from when on they can be taken."""

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self.offered: list[int | None] = [None, None]

    def offers(self) -> list[Offer]:
        return [partial(self._offer, 0), partial(self._offer, 1)]

    def _offer(self, operand: int, cycle: int) -> int | None:
        self.offered[operand] = cycle
        answers = self._take()
        answer = answers.pop(operand, None)
        self._tell(answers)
        return answer

    def _take(self) -> dict[int, int]:
        """Takes what can be taken; gives the cycle in which, by operand."""
        raise NotImplementedError

    def _tell(self, answers: dict[int, int]) -> None:
        self.desk.extend((self.tells[operand], cycle) for operand, cycle in answers.items())

    def wake(self) -> None:
        self._tell(self._take())

    def takes(self, there: Sequence[IntArray]) -> list[IntArray]:
        """Of each stream how many beats it can take, ever, where so many are ``there``."""
        raise NotImplementedError

    def results(self, taken: Sequence[IntArray]) -> IntArray:
        """How many beats it gives of as many as it has taken of each stream."""
        raise NotImplementedError


class Together(Join):
    """A pipeline that takes a beat of every stream in the same cycle."""

    def _offer(self, operand: int, cycle: int) -> int | None:
        # As in Join, without what a stream that has to wait costs.
        self.offered[operand] = cycle
        if self.offered[1 - operand] is None:
            return None
        answers = self._take()
        if not answers:
            return None
        self.desk.append((self.tells[1 - operand], answers[operand]))
        return answers[operand]

    def _take(self) -> dict[int, int]:
        (a, b), line = self.offered, self.line
        if a is None or b is None:
            return {}
        cycle = line.enter(max(a, b))
        if cycle >= line.known:
            self.offered = [cycle, cycle]
            return {}
        self.offered = [None, None]
        line.put(cycle - line.lost + line.stages)
        return {0: cycle, 1: cycle}

    def takes(self, there: Sequence[IntArray]) -> list[IntArray]:
        return [np.minimum.reduce(list(there))] * len(there)

    def results(self, taken: Sequence[IntArray]) -> IntArray:
        return taken[0]


class Turns(Join):
    """A register that takes ``runs[0]`` beats of the first stream, then ``runs[1]`` of the second, and so on in turn."""

    def __init__(self, runs: tuple[int, int]) -> None:
        super().__init__(Line(1))
        self.runs, self.turn, self.place = runs, 0, 0
        self.next = 0  # the cycle after the one that took a beat last

    def _take(self) -> dict[int, int]:
        answers: dict[int, int] = {}
        while (offered := self.offered[self.turn]) is not None:
            cycle = self.line.enter(max(offered, self.next))
            if cycle >= self.line.known:
                self.offered[self.turn] = cycle
                break
            answers[self.turn], self.offered[self.turn] = cycle, None
            self.next = cycle + 1
            self.line.put(cycle - self.line.lost + 1)
            self.place += 1
            if self.place == self.runs[self.turn]:
                self.place, self.turn = 0, 1 - self.turn
        return answers

    def takes(self, there: Sequence[IntArray]) -> list[IntArray]:
        (a, b), (first, second) = self.runs, there
        # Whole rounds, and what comes after them: of the second only where the run of the first is complete.
        rounds = np.minimum(first // a, second // b)
        left = np.minimum(first - rounds * a, a)
        return [rounds * a + left, rounds * b + np.where(left == a, np.minimum(second - rounds * b, b), 0)]

    def results(self, taken: Sequence[IntArray]) -> IntArray:
        return taken[0] + taken[1]

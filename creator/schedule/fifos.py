"""How queues between cores move beats. See ``movement.py``; the VHDL is ``creator_stream_fifo`` and ``creator_deep_fifo``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from creator.schedule.lines import LONG, Offer, QueuedLine, Tell
from creator.schedule.movement import Part
from creator.schedule.plan import NEAR_WORDS


class Fifo(Part):
    """A queue: ``words`` beats in a memory, which is read into what stands behind it.

    ``most`` is the number of words that would have been enough for all ``frames`` that have settled, ``ran_out`` the number of
    the last one of which a beat did not have to wait for the one before it.
    """

    def __init__(self, words: int) -> None:
        super().__init__()
        self.words, self.most = words, 0
        self.came, self.reads = list[int](), list[int]()  # in which cycles beats came, and were read from the memory
        self.gone_came = self.gone_reads = 0  # how many are not in these lists any more
        self.frames = self.ran_out = 0

    def offer(self, cycle: int) -> int | None:
        leaves = self.gone_came + len(self.came) - self.words - self.gone_reads  # what has to make place
        if leaves >= 0:
            if leaves >= len(self.reads):
                self.waits = cycle
                return None
            cycle = max(cycle, self.reads[leaves] + 1)
        self.came.append(cycle)
        self.pass_on()
        return cycle

    def pass_on(self) -> None:
        """Reads the beats that are there, and offers them, as far as it is known when."""
        raise NotImplementedError

    def unread(self) -> int | None:
        """When the first beat came that is not read; ``None`` if all are."""
        place = self.gone_reads + len(self.reads) - self.gone_came
        return self.came[place] if place < len(self.came) else None

    def settle(self) -> None:
        """After a frame: counts, and forgets what does not matter any more."""
        came, reads = np.array(self.came), np.array(self.reads)
        places = self.gone_came - self.gone_reads + np.arange(1, len(came) + 1)
        self.most = max(self.most, int((places - np.searchsorted(reads, came)).max()))
        self.frames += 1
        if (reads[-len(came) :] == came + 1).any():
            self.ran_out = self.frames
        gone = int(np.searchsorted(reads, came[-1]))
        self.gone_came += len(came)
        self.gone_reads += gone
        self.came.clear()
        del self.reads[:gone]


class ShortFifo(Fifo):
    """Two registers behind the memory, each of which takes a beat as soon as it is free."""

    def __init__(self, words: int) -> None:
        super().__init__(words)
        self.fetched: int | None = None  # when what is in the first register was read, if it is not known when it goes on
        self.passed = self.last = -LONG  # when a beat went on from the first register, and was taken from the second
        self.offered = False

    def pass_on(self) -> None:
        while True:
            if self.fetched is None:
                came = self.unread()
                if came is None:
                    return
                self.fetched = max(came + 1, self.passed)
                self.reads.append(self.fetched)
            if self.offered:
                return
            self.passed, self.fetched = max(self.fetched + 1, self.last), None
            answer = self.give(self.passed + 1)
            if answer is None:
                self.offered = True
            else:
                self.last = answer

    def taken(self, cycle: int) -> None:
        self.offered, self.last = False, cycle
        self.pass_on()
        self.wake()

    def memory(self) -> Iterator[int]:
        yield from (self.passed, self.last)
        yield from self.reads


class DeepFifo(Fifo):
    """Two registers behind the memory that move together, and a queue of eight behind those."""

    def __init__(self, words: int) -> None:
        super().__init__(words)
        self.line = QueuedLine(2)
        self.line.wake = self.wake
        self.next = -LONG  # the next beat is not read before this cycle

    def connect(self, give: Offer) -> Tell:
        self.line.give = give
        return self.line.taken

    def pass_on(self) -> None:
        line = self.line
        while (came := self.unread()) is not None:
            self.next = line.enter(max(came + 1, self.next))
            if self.next >= line.known:
                return
            self.reads.append(self.next)
            line.put(self.next - line.lost + line.stages)
            self.next += 1

    def wake(self) -> None:
        self.pass_on()
        super().wake()

    def memory(self) -> Iterator[int]:
        yield from self.line.memory()
        yield self.next
        yield from self.reads


def fifo(words: int) -> Fifo:
    """The queue of so many words. One without an end is of the kind whose beats come through soonest."""
    return DeepFifo(words) if NEAR_WORDS < words < LONG else ShortFifo(words)

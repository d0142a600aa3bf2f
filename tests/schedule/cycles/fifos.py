"""How queues between cores move beats, cycle by cycle. See ``movement.py``."""

from __future__ import annotations

from tests.schedule.cycles.movement import LONG, Part, Pipeline, Queue


class Fifo(Part):
    """A queue: ``words`` beats in a memory, which is read into two registers behind it.

    ``most`` is the number of words that would have been enough so far.
    """

    def __init__(self, words: int) -> None:
        self.words, self.held = words, 0
        self.fetched = self.full = False
        self.most = 0

    def ready(self, out_ready: bool) -> bool:
        return not self.full

    def clock(self, arrives: bool, out_ready: bool) -> None:
        gives = out_ready or not self.valid
        reads = gives or not self.fetched
        self.most = max(self.most, self.held + 1) if arrives else self.most
        fetched = self.held > 0
        if gives:
            self.valid = self.fetched
        if reads:
            self.fetched = fetched
        self.held += arrives - (reads and fetched)
        self.full = self.held == self.words

    def quiet(self) -> int:
        moves = (self.fetched and not self.valid) or (self.held > 0 and not self.fetched)
        return 0 if moves or self.full != (self.held == self.words) else LONG


class _Memory(Part):
    """A memory of ``words`` beats, read into two registers that move together. ``most`` as in :class:`Fifo`."""

    def __init__(self, words: int) -> None:
        self.words, self.held, self.most = words, 0, 0
        self.pipeline = Pipeline(2, 1, rigid=True)

    @property
    def valid(self) -> bool:  # type: ignore[override]
        return self.pipeline.valid

    def ready(self, out_ready: bool) -> bool:
        return self.held < self.words

    def clock(self, arrives: bool, out_ready: bool) -> None:
        reads = out_ready and self.held > 0
        self.most = max(self.most, self.held + 1) if arrives else self.most
        self.pipeline.clock(reads, out_ready)
        self.held += arrives - reads

    def quiet(self) -> int:
        return 0 if self.held else self.pipeline.quiet()

    def skip(self, cycles: int) -> None:
        self.pipeline.skip(cycles)


class DeepFifo(Queue):
    """A queue of ``words`` beats in a memory, two registers that move together, and the queue of eight."""

    def __init__(self, words: int) -> None:
        super().__init__(_Memory(words))

    @property
    def most(self) -> int:
        return self.part.most  # type: ignore[attr-defined,no-any-return]

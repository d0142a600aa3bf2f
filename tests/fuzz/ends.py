"""Random ends of networks, as graphs: Python's own integers say what they compute."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from creator import FixedPoint, Graph
from creator.graph import Builder
from creator.ops import ArgMax, Microscale, Op, Reshape, Softmax, TensorType, Threshold, Top1
from creator.passes import OPTIMISE, run_passes
from tests import oracle
from tests.fuzz.draws import FRAME_BEATS, Draws
from tests.fuzz.trial import Trial

F = FixedPoint
SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12]


class Ends(Draws):
    """Draws nodes."""

    @property
    def type(self) -> TensorType:
        return self.builder.type_of(self.last)

    def add(self, op: Op) -> None:
        self.last = self.builder.add(op, self.last, (f"layer.{self.last}",))

    def shape(self) -> tuple[int, ...]:
        """One row, mostly, or several, of up to 36 elements together."""
        match self.whole(0, 3):
            case 0 | 1:
                return (self.whole(1, 36),)
            case 2:
                return (self.whole(1, 4), self.pick(SIZES[:-1]))
        return (self.whole(1, 3), self.whole(1, 3), self.whole(1, 4))

    def entry(self) -> FixedPoint:
        bits = self.pick([1, 2, 2, 3, self.whole(1, 12)])  # few bits make ties
        signed = not self.chance(30)
        return F(bits, self.whole(-2, bits + 2), signed, symmetric=signed and bits > 1 and self.chance(10))

    def regroup(self) -> None:
        """The same elements in other rows."""
        size = self.type.size
        rows = self.pick([n for n in range(1, size + 1) if size % n == 0])
        self.add(Reshape((size,) if rows == 1 else (rows, size // rows)))

    def end(self) -> None:
        makers: list[Callable[[], Op]] = [ArgMax, Top1, self.softmax, self.threshold, self.microscale]
        if self.chance(20):
            self.regroup()
        self.add(self.pick(makers)())

    def threshold(self) -> Threshold:
        fmt, channels = self.type.format, self.pick([1, self.type.shape[-1]])
        shape = channels, self.pick([1, 2, 3, self.whole(1, 12)])
        return Threshold(self.bulk().integers(fmt.min_code, fmt.max_code + 1, shape, endpoint=True))

    def microscale(self) -> Microscale:
        """Floating-point or integer elements, in blocks that divide a row or are longer."""
        row, digits = self.type.shape[-1], self.whole(1, 6)
        block = self.pick([n for n in range(1, row + 1) if row % n == 0] + [row + self.whole(1, 9)])
        depth = self.pick([0, 1, 2, self.whole(0, 12)])
        largest = (1 << digits) - 1 - (digits > 1 and self.chance(30))
        least = -largest - (depth == 0 and largest == (1 << digits) - 1 and self.chance(50))
        return Microscale(block, digits, depth, largest, least, self.pick(oracle.ROUNDINGS))

    def softmax(self) -> Softmax:
        """Any falling table, mostly shorter than the differences."""
        entries = np.sort(self.bulk().integers(0, self.pick([1, 7, 300, 1 << 14]), self.whole(1, 40), endpoint=True))[::-1]
        bits = self.whole(1, 10)
        output = F(bits, self.whole(0, 9), signed=self.chance(30))
        return Softmax(np.maximum(entries, [1, *[0] * (len(entries) - 1)]), output)

    def graph(self) -> Graph:
        """A graph that no pass has touched."""
        self.builder = Builder(TensorType(self.shape(), self.entry()))
        self.last = self.builder.input
        self.repeat(3, self.end)
        return self.builder.graph(self.last)


@st.composite
def small(draw: st.DrawFn) -> Trial:
    """Networks of up to 36 elements."""
    draws = Ends(draw)
    traced = draws.graph()
    graph = run_passes(traced, OPTIMISE)
    return Trial(traced, graph, lambda x: oracle.run(traced, x), draws.parallelism(graph, FRAME_BEATS), 256, **draws.bench())

"""Plan, Core and Adapter: what will be built."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy.typing as npt

from creator.errors import CreatorError
from creator.formats import IntArray
from creator.graph import Graph, Node
from creator.graph.order import input_order, output_order
from creator.ops import Conv, Lanes, Linear, Microscale, Permute, Softmax, TensorType, Timing, beats
from creator.ops.axis import Axis

NEAR_WORDS = 128
"""Words: a longer queue is worth block RAM."""


@dataclass(frozen=True)
class Adapter:
    """Regroups the elements of a stream: from ``input`` to ``output`` of them in a beat, in frames of ``size``.

    A frame's last beat may carry fewer; the frame after it begins with a new beat. It takes a beat once what it holds is less
    than a beat to give, so the ``i``-th beat of a frame always lands at the same place.
    """

    size: int
    input: int
    output: int

    @property
    def places(self) -> tuple[int, ...]:
        """How many elements there are already when a beat comes: the possible values, ascending; 0 is the first."""
        period = range(min(beats(self.size, self.input), self.output))
        return tuple(sorted({i * self.input % self.output for i in period}))

    @property
    def capacity(self) -> int:
        """Elements that it holds at most."""
        return max(self.output, self.places[-1] + self.input)

    @property
    def last_place(self) -> int:
        """The place of a frame's last beat."""
        return (beats(self.size, self.input) - 1) * self.input % self.output

    @property
    def remainder(self) -> int:
        """Elements in a frame's last beat."""
        return self.size - (beats(self.size, self.input) - 1) * self.input

    @property
    def interval(self) -> int:
        """Cycles from one frame to the next: while it has more than one beat to give it takes none."""
        count, held, cycles = beats(self.size, self.input), 0, 0
        for beat in range(count):
            held += self.remainder if beat == count - 1 else self.input
            given = beats(held, self.output) if beat == count - 1 else held // self.output
            held -= given * self.output
            cycles += max(1, given)
        return cycles


@dataclass(frozen=True)
class Feed:
    """How an operand comes to its core: from where, and through what, in the order of the data.

    Args:
        source: name of the core that gives it, or of the network's input.
        type: of the value.
        registered: whether a stream register stands first, cutting the combinational ready path from the core before.
        words: of the memory of the queue that stands there instead; 0 for none.
        adapter: what comes next, where the stream has other lanes than the core takes.
        lanes: elements of it that the core takes in a cycle.
    """

    source: str
    type: TensorType
    registered: bool
    words: int
    adapter: Adapter | None
    lanes: int

    @property
    def stream_lanes(self) -> int:
        """Elements in a beat of the stream, before the adapter."""
        return self.adapter.input if self.adapter else self.lanes

    @property
    def deep(self) -> bool:
        """Whether the queue is one whose memory is worth a block RAM: registers that fit in it stand behind it."""
        return self.words > NEAR_WORDS

    @property
    def depth(self) -> int:
        """Beats that the queue holds in any case: those of its memory, and of what stands behind it."""
        behind = 6 if self.deep else 2
        return self.words + behind if self.words else 0

    @property
    def stream_bits(self) -> int:
        """Bits of a beat of the stream, before the adapter."""
        return self.type.format.total_bits * self.stream_lanes


@dataclass(frozen=True)
class Core:
    """The hardware of one node.

    Args:
        node: what it computes.
        feeds: one for each value that it reads.
        lanes: elements in and out in a cycle.
        timing: its interval and delay.
    """

    node: Node
    feeds: tuple[Feed, ...]
    lanes: Lanes
    timing: Timing

    @property
    def input_type(self) -> TensorType:
        """Of the value that it reads, or the first of several."""
        return self.feeds[0].type

    @property
    def input_types(self) -> tuple[TensorType, ...]:
        """Of the values that it reads."""
        return tuple(feed.type for feed in self.feeds)

    @property
    def adapter(self) -> Adapter | None:
        """The adapter before it, or before its first input."""
        return self.feeds[0].adapter

    @property
    def registered(self) -> bool:
        """Whether a stream register stands before it, or before its first input."""
        return self.feeds[0].registered

    @property
    def interval(self) -> int:
        """Cycles from one frame to the next, the adapters' included."""
        return max(self.timing.interval, *(feed.adapter.interval if feed.adapter else 0 for feed in self.feeds))

    @property
    def stores(self) -> bool:
        """Whether it stores a whole frame before it computes."""
        op = self.node.op
        if isinstance(op, (Microscale, Permute, Softmax)):
            return True
        return isinstance(op, Linear) and not self.windows and beats(self.node.type.size, self.lanes.output) > 1

    @property
    def windows(self) -> bool:
        """Whether it reads windows from a ring."""
        return isinstance(self.node.op, Conv)

    @property
    def queues(self) -> bool:
        """Whether its results wait in a queue."""
        return isinstance(self.node.op, Linear) and self.node.op.wide(self.lanes)

    @cached_property
    def sweeps(self) -> tuple[Axis, ...]:
        """What it does along single axes, one entity after the other, if it is made like that."""
        return self.node.op.sweeps((self.input_type,), self.lanes)

    @property
    def passes_ready(self) -> bool:
        """Whether its ready follows that of the stream after it in the same cycle."""
        return not self.stores and not self.queues and not self.windows and len(self.sweeps) <= 1


def needs_core(graph: Graph, node: Node) -> bool:
    """Whether a node is hardware: not a reshape, and not the order of the elements at an end of the network."""
    if node.op.timing(graph.input_types(node), Lanes()) is None:
        return False
    return not isinstance(node.op, Permute) or node not in (input_order(graph), output_order(graph))


@dataclass(frozen=True)
class Plan:
    """Cores that all run at once, each on a frame of its own: an acyclic network of streams from one input to one output.

    Args:
        graph: what the cores compute together.
        cores: each after those that it reads from.
    """

    graph: Graph
    cores: tuple[Core, ...]

    @property
    def input_lanes(self) -> int:
        """Elements in a beat of the network's input."""
        return next(feed.stream_lanes for core in self.cores for feed in core.feeds if feed.source == self.graph.input)

    @property
    def output_lanes(self) -> int:
        """Elements in a beat of the network's output."""
        return self.cores[-1].lanes.output

    @cached_property
    def readers(self) -> dict[str, tuple[tuple[int, int], ...]]:
        """Who reads each stream, by the name of its core or of the network's input: indices of a core and of its operand."""
        found: dict[str, list[tuple[int, int]]] = {self.graph.input: [], **{core.node.name: [] for core in self.cores}}
        for index, core in enumerate(self.cores):
            for operand, feed in enumerate(core.feeds):
                found[feed.source].append((index, operand))
        return {name: tuple(places) for name, places in found.items()}

    @cached_property
    def _rhythm(self) -> tuple[int, int]:
        from creator.schedule.timeline import rhythm

        return rhythm(self)

    @property
    def latency(self) -> int:
        """Clock cycles from the one that takes a sample's first beat to the one that gives its last result."""
        return self._rhythm[0]

    @property
    def interval(self) -> int:
        """Clock cycles from one sample to the next in steady state: those of the slowest core, or a few more."""
        return self._rhythm[1]

    def verify(self) -> Plan:
        """Checks the graph, and that the cores are its nodes that need hardware, wired as the graph is, and that the streams
        between them fit; returns the plan itself."""
        self.graph.verify()
        expected = hardware(self.graph)
        if [(core.node.name, tuple(feed.source for feed in core.feeds)) for core in self.cores] != list(expected.items()):
            raise CreatorError("the plan's cores are not the graph's nodes", "plan")
        arriving = {self.graph.input: self.input_lanes}
        for core in self.cores:
            taken = core.node.op.operand_lanes(core.input_types, core.lanes)
            for feed, lanes in zip(core.feeds, taken, strict=True):
                there = arriving[feed.source]
                fits = feed.adapter is None or feed.adapter == Adapter(feed.type.size, there, feed.lanes)
                if feed.stream_lanes != there or feed.lanes != lanes or not fits or (feed.registered and feed.words):
                    raise CreatorError(f"its input has {there} lanes, but it takes {feed.stream_lanes}", core.node.where)
            arriving[core.node.name] = core.lanes.output
        return self

    def run(self, x: npt.ArrayLike) -> IntArray:
        """The outputs for input codes ``x``: those of the graph."""
        return self.graph.run(x)


def hardware(graph: Graph) -> dict[str, tuple[str, ...]]:
    """The nodes that need hardware, in order, and of each the nodes, or the input, whose streams it reads.

    Raises:
        CreatorError: where a result goes nowhere, as something behind the output, or beside the way there.
    """
    stream = {graph.input: graph.input}
    found: dict[str, tuple[str, ...]] = {}
    for node in graph.nodes:
        sources = tuple(stream[name] for name in node.inputs)
        if not needs_core(graph, node):
            stream[node.name] = sources[0]  # the same elements under another name, or in another order at an end of the network
        else:
            stream[node.name], found[node.name] = node.name, sources
    read = {name for sources in found.values() for name in sources}
    idle = next((name for name in found if (name in read) == (name == stream[graph.output])), None)
    if idle is not None:
        what = "is read behind the network's output" if idle in read else "computes what nothing reads"
        raise CreatorError(what, next(node.where for node in graph.nodes if node.name == idle))
    return found

"""Plan, Core and Adapter: what will be built."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy.typing as npt

from creator.errors import CreatorError
from creator.formats import IntArray
from creator.graph import Graph, Node
from creator.graph.order import input_order, output_order
from creator.ops import Conv, Lanes, Linear, Permute, TensorType, Timing, beats
from creator.ops.axis import Axis
from creator.ops.linear import is_wide


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
class Core:
    """The hardware of one node.

    Args:
        node: what it computes.
        input_type: of the value that it reads.
        lanes: elements in and out in a cycle.
        timing: its interval and delay.
        adapter: what stands before it where the stream has other lanes.
        registered: whether a stream register stands before both, cutting the combinational ready path from its neighbour.
    """

    node: Node
    input_type: TensorType
    lanes: Lanes
    timing: Timing
    adapter: Adapter | None
    registered: bool

    @property
    def interval(self) -> int:
        """Cycles from one frame to the next, the adapter's included."""
        return max(self.timing.interval, self.adapter.interval if self.adapter else 0)

    @property
    def stream_lanes(self) -> int:
        """Elements in a beat of the stream that it reads, before its adapter."""
        return self.adapter.input if self.adapter else self.lanes.input

    @property
    def stores(self) -> bool:
        """Whether it stores a whole frame before it computes."""
        op = self.node.op
        if isinstance(op, Permute):
            return True
        return isinstance(op, Linear) and not self.windows and beats(self.node.type.size, self.lanes.output) > 1

    @property
    def windows(self) -> bool:
        """Whether it reads windows from a ring."""
        return isinstance(self.node.op, Conv)

    @property
    def queues(self) -> bool:
        """Whether its results wait in a queue."""
        return isinstance(self.node.op, Linear) and is_wide(self.lanes)

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
    """A pipeline of cores, all running at once, each on a frame of its own.

    Args:
        graph: what the cores compute together.
        cores: in the order of the data.
    """

    graph: Graph
    cores: tuple[Core, ...]

    @property
    def input_lanes(self) -> int:
        """Elements in a beat of the network's input."""
        return self.cores[0].stream_lanes

    @property
    def output_lanes(self) -> int:
        """Elements in a beat of the network's output."""
        return self.cores[-1].lanes.output

    @cached_property
    def interval(self) -> int:
        """Clock cycles from one sample to the next in steady state: those of the slowest core, or a few more."""
        from creator.schedule.timeline import steady_interval

        return steady_interval(self)

    @cached_property
    def latency(self) -> int:
        """Clock cycles from the one that takes a sample's first beat to the one that gives its last result."""
        from creator.schedule.timeline import latency

        return latency(self)

    def verify(self) -> Plan:
        """Checks the graph, and that the cores are its nodes that need hardware, in a chain, and that the streams between
        them fit; returns the plan itself."""
        self.graph.verify()
        expected = [node.name for node in self.graph.nodes if needs_core(self.graph, node)]
        if [core.node.name for core in self.cores] != expected:
            raise CreatorError("the plan's cores are not the graph's nodes", "plan")
        for index, core in enumerate(self.cores):
            arriving = self.cores[index - 1].lanes.output if index else core.stream_lanes
            fits = core.adapter is None or core.adapter == Adapter(core.input_type.size, arriving, core.lanes.input)
            if core.stream_lanes != arriving or not fits:
                raise CreatorError(f"its input has {arriving} lanes, but it takes {core.stream_lanes}", core.node.where)
        return self

    def run(self, x: npt.ArrayLike) -> IntArray:
        """The outputs for input codes ``x``: those of the graph."""
        return self.graph.run(x)

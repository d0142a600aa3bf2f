"""Plan and Core: what will be built."""

from __future__ import annotations

from dataclasses import dataclass

import numpy.typing as npt

from creator.errors import CreatorError
from creator.formats import IntArray
from creator.graph import Graph, Node
from creator.ops import Lanes, TensorType, Timing

STREAM_REGISTER_DELAY = 1


@dataclass(frozen=True)
class Core:
    """The hardware of one node.

    Args:
        node: what it computes.
        input_type: of the value that it reads.
        lanes: elements in and out in a cycle.
        timing: its interval and delay.
        registered: whether a stream register stands before it, cutting the combinational ready path from its neighbour.
    """

    node: Node
    input_type: TensorType
    lanes: Lanes
    timing: Timing
    registered: bool

    @property
    def delay(self) -> int:
        """From the last element offered to the core, its stream register included, to its last result."""
        return self.timing.delay + (STREAM_REGISTER_DELAY if self.registered else 0)


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
    def interval(self) -> int:
        """Clock cycles from one sample to the next in steady state: those of the slowest core."""
        return max(self.graph.input_type.size, *(core.timing.interval for core in self.cores))

    @property
    def latency(self) -> int:
        """Clock cycles from the one that takes a sample's first element to the one that gives its last result."""
        return self.graph.input_type.size - 1 + sum(core.delay for core in self.cores)

    def verify(self) -> Plan:
        """Checks the graph, and that the cores are its nodes that need hardware, in a chain; returns the plan itself."""
        self.graph.verify()
        expected = [node.name for node in self.graph.nodes if node.op.timing(self.graph.input_types(node), Lanes())]
        if [core.node.name for core in self.cores] != expected:
            raise CreatorError("the plan's cores are not the graph's nodes", "plan")
        return self

    def run(self, x: npt.ArrayLike) -> IntArray:
        """The outputs for input codes ``x``: those of the graph."""
        return self.graph.run(x)

    def text(self) -> str:
        """A table of the cores: what a person wants to know before building."""
        rows = [("core", "from", "operation", "shape", "lanes", "interval", "delay")]
        for core in self.cores:
            lanes = f"{core.lanes.input}x{core.lanes.output}"
            shape = f"{core.input_type.size} -> {core.node.type.size}"
            rows.append(
                (core.node.name, core.node.where, core.node.op.name, shape, lanes, str(core.timing.interval), str(core.delay))
            )
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, f"interval {self.interval} cycles, latency {self.latency} cycles"]) + "\n"

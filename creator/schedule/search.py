"""The lanes that reach an interval with the least hardware: an exact search along the chain.

A core's interval depends on its lanes only through the number of beats in and groups out, so for each number of beats the
fewest lanes that make it are enough: about twice the square root of a layer's size. What a core costs depends on its
neighbour only through the lanes between them, so the best way to each width of the stream after a core is all that has to be
kept (dynamic programming). Costs are compared as multipliers first, LUTs second; among equals the first found stays, in an
order that depends on nothing but the graph.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from creator.graph import Graph, Node
from creator.ops import Interval, Lanes, Linear, TensorType, beats
from creator.schedule.costs import add_core
from creator.schedule.mac_array import MacArray
from creator.schedule.parts import Parts
from creator.schedule.plan import Adapter
from creator.targets.family import Family


class Cost(NamedTuple):
    """What is made small, the first first."""

    dsps: float
    luts: float

    def plus(self, other: Cost) -> Cost:
        """The sum."""
        return Cost(self.dsps + other.dsps, self.luts + other.luts)


@dataclass(frozen=True)
class Step:
    """A core to place: its node, what it reads, and the lanes that the user fixed, if any."""

    node: Node
    x: TensorType
    interval: Interval
    fixed: Lanes | None

    @cached_property
    def choices(self) -> tuple[Sequence[int], Sequence[int] | None]:
        """How many elements it can take in a cycle, and how many it can give, ascending; ``None``: see :meth:`lanes`."""
        return self.node.op.lane_choices((self.x,), self.node.type)

    def cycles(self, lanes: Lanes) -> int:
        """The interval with ``lanes``."""
        timing = self.node.op.timing((self.x,), lanes)
        assert timing is not None
        return timing.interval

    def reaches(self, target: int, inputs: int, outputs: int) -> bool:
        """Whether it takes at most ``target`` cycles with these lanes."""
        return self.cycles(Lanes(inputs, outputs)) <= target

    def fewest_outputs(self, inputs: int, target: int) -> int:
        """The fewest lanes of its outputs with which it takes at most ``target`` cycles; 0 where none are enough.

        More lanes never take longer, so halves are enough to search.
        """
        outputs = self.choices[1]
        assert outputs is not None
        place = bisect_left(outputs, True, key=lambda count: self.reaches(target, inputs, count))
        return outputs[place] if place < len(outputs) else 0

    @property
    def most(self) -> Lanes:
        """As many lanes as it can have."""
        inputs, outputs = self.choices
        return Lanes(inputs[-1], outputs[-1]) if outputs else self.lanes(inputs[-1])

    @property
    def least(self) -> Lanes:
        """As few."""
        return Lanes() if self.choices[1] else self.lanes(1)

    def lanes(self, inputs: int) -> Lanes:
        """The lanes where those of the inputs decide."""
        return Lanes(inputs, self.node.op.results((self.x,), inputs))


@dataclass(frozen=True)
class Way:
    """The best lanes of all cores so far that end in some width of the stream."""

    cost: Cost
    lanes: tuple[Lanes, ...]


class Search:
    """Finds lanes for the nodes of one graph.

    Args:
        graph: a chain.
        nodes: those that need hardware.
        family: whose multipliers and costs count.
        packing: whether two products may share a multiplier.
        pipelining: whether every linear core has the registers of a wide one.
        fixed: lanes by the name of the node.
    """

    def __init__(
        self,
        graph: Graph,
        nodes: Iterable[Node],
        family: Family,
        packing: bool,
        fixed: Mapping[str, Lanes],
        pipelining: bool = False,
    ) -> None:
        intervals = graph.intervals
        self.family, self.packing, self.pipelining = family, packing, pipelining
        self.steps = [Step(node, graph.input_types(node)[0], intervals[node.inputs[0]], fixed.get(node.name)) for node in nodes]
        self._core = lru_cache(maxsize=None)(self._core_cost)

    def completed(self, step: Step, lanes: Lanes) -> Lanes:
        """``lanes``, packed if that is allowed and fits, and pipelined if that is asked for."""
        if not isinstance(step.node.op, Linear):
            return lanes
        lanes = lanes._replace(pipelined=self.pipelining)
        if not self.packing:
            return lanes
        array = MacArray(step.node.op, step.x, step.interval, lanes)
        return lanes._replace(packed=array.packs_into(self.family))

    def input_lanes(self, target: int) -> int:
        """The fewest lanes of the network's input: what comes in faster than it is needed takes pins and wires for nothing."""
        return beats(self.steps[0].x.size, target)

    def least(self, target: int, as_fast_as_possible: bool = False) -> list[Lanes] | None:
        """The lanes for an interval of at most ``target`` cycles.

        Where a core cannot be that fast: ``None``, or with ``as_fast_as_possible`` as fast as it can be.
        """
        ways: dict[int, Way] = {self.input_lanes(target): Way(Cost(0, 0), ())}
        for index, step in enumerate(self.steps):
            found: dict[int, Way] = {}
            own = max(target, step.cycles(step.fixed or step.most)) if as_fast_as_possible else target
            for before, way in ways.items():
                for lanes in self._choices(step, own, before):
                    cost = way.cost.plus(self._core(index, lanes))
                    if before != lanes.input:
                        cost = cost.plus(self._adapter_cost(step.x, before, lanes.input))
                    best = found.get(lanes.output)
                    if best is None or cost < best.cost:
                        found[lanes.output] = Way(cost, (*way.lanes, lanes))
            ways = found
        return list(min(ways.values(), key=lambda way: way.cost).lanes) if ways else None

    def _choices(self, step: Step, target: int, before: int) -> Iterator[Lanes]:
        """Lanes that may be best for a core after a stream of ``before`` elements in a beat."""
        size = step.x.size
        if beats(size, before) > target:
            return
        if step.fixed is not None:
            if step.cycles(step.fixed) <= target:
                yield self.completed(step, step.fixed)
            return
        inputs, outputs = step.choices
        if outputs is None:
            enough = (n for n in inputs[bisect_left(inputs, beats(size, target)) :] if step.cycles(step.lanes(n)) <= target)
            own = {before} if before in inputs and step.cycles(step.lanes(before)) <= target else set()
            for count in sorted({*itertools.islice(enough, 1), *own}):
                yield step.lanes(count)
            return
        for count in fewest_lanes(size) if isinstance(inputs, range) else inputs:
            found = step.fewest_outputs(count, target)
            if found:
                yield self.completed(step, Lanes(count, found))

    def _core_cost(self, index: int, lanes: Lanes) -> Cost:
        step = self.steps[index]
        parts = Parts(self.family)
        add_core(parts, step.node.op, step.x, step.interval, lanes)
        area = parts.area()
        return Cost(area.dsps, area.luts)

    def _adapter_cost(self, x: TensorType, before: int, after: int) -> Cost:
        parts = Parts(self.family)
        parts.adapter(Adapter(x.size, before, after), x.format.total_bits)
        return Cost(0, parts.area().luts)


def fewest_lanes(size: int) -> list[int]:
    """For each number of beats in which ``size`` elements can pass, the fewest lanes that make it; ascending."""
    found, count = set(), 1
    while count <= size:
        lanes = beats(size, count)
        found.add(lanes)
        # The next number of beats that fewer lanes can make.
        count = max(count + 1, beats(size, lanes - 1)) if lanes > 1 else size + 1
    return sorted(found)


def intervals_of(steps: Iterable[Step]) -> list[int]:
    """Intervals that a network can have and no faster one can: those of single layers; ascending."""
    found: set[int] = set()
    for step in steps:
        inputs, outputs = (_useful(choices) if choices else None for choices in step.choices)
        assert inputs is not None
        found |= {step.cycles(Lanes(i, o)) for i in inputs for o in outputs or (step.lanes(i).output,)}
    return sorted(found)


def _useful(choices: Sequence[int]) -> Sequence[int]:
    """Those of which fewer would take more beats."""
    return fewest_lanes(choices[-1]) if isinstance(choices, range) else choices

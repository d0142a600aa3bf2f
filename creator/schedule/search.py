"""The lanes that reach an interval with the least hardware: an exact search along each chain of a network.

A core's interval depends on its lanes only through the number of beats in and groups out, so for each number of beats the
fewest lanes that make it are enough: about twice the square root of a layer's size. What a core costs depends on its
neighbour only through the lanes between them, so the best way to each width of the stream after a core is all that has to be
kept (dynamic programming). Costs are compared as multipliers first, LUTs second; among equals the first found stays, in an
order that depends on nothing but the graph.

A network with branches is a number of chains: one ends where its stream is read by several cores or by one that joins streams,
and each of these begins a new one. Chains are searched in the order of the data, each with the streams that it begins with as
they were found; a core that joins streams of different lanes gets adapters.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from creator.graph import Graph, Node
from creator.ops import Interval, Lanes, Linear, TensorType, beats
from creator.ops.base import fewest_lanes
from creator.schedule.costs import add_cores
from creator.schedule.mac_array import MacArray
from creator.schedule.parts import Parts
from creator.schedule.plan import Adapter, hardware
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
    """A core to place: its node, what it reads, and from where, bounds of that, and the lanes that the user fixed, if any."""

    node: Node
    inputs: tuple[TensorType, ...]
    sources: tuple[str, ...]
    intervals: tuple[Interval, ...]
    fixed: Lanes | None

    @property
    def x(self) -> TensorType:
        """The value that it reads, or the first of several."""
        return self.inputs[0]

    @property
    def interval(self) -> Interval:
        """The bounds of that value."""
        return self.intervals[0]

    @cached_property
    def pairs(self) -> tuple[Lanes, ...] | None:
        """The lanes that are possible, where only some go together."""
        return self.node.op.lane_pairs(self.inputs)

    def operand_lanes(self, lanes: Lanes) -> tuple[int, ...]:
        """The elements of each value that it takes in a cycle."""
        return self.node.op.operand_lanes(self.inputs, lanes)

    @cached_property
    def choices(self) -> tuple[Sequence[int], Sequence[int] | None]:
        """How many elements it can take in a cycle, and how many it can give, ascending; ``None``: see :meth:`lanes`."""
        return self.node.op.lane_choices(self.inputs, self.node.type)

    def cycles(self, lanes: Lanes) -> int:
        """The interval with ``lanes``."""
        timing = self.node.op.timing(self.inputs, lanes)
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
        if self.pairs is not None:
            return self.pairs[-1]
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
        graph: verified.
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
        intervals, sources = graph.intervals, hardware(graph)
        self.family, self.packing, self.pipelining = family, packing, pipelining
        self.steps = [
            Step(
                node,
                graph.input_types(node),
                sources[node.name],
                tuple(intervals[n] for n in node.inputs),
                fixed.get(node.name),
            )
            for node in nodes
        ]
        self.input, self.chains = graph.input, _chains(self.steps)
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
        streams = {self.input: self.input_lanes(target)}
        found: dict[int, Lanes] = {}
        for chain in self.chains:
            begin = tuple(streams[source] for source in self.steps[chain[0]].sources)
            lanes = self._along(chain, begin, target, as_fast_as_possible)
            if lanes is None:
                return None
            found.update(zip(chain, lanes, strict=True))
            streams.update((self.steps[index].node.name, found[index].output) for index in chain)
        return [found[index] for index in range(len(self.steps))]

    def _along(
        self, chain: Sequence[int], begin: tuple[int, ...], target: int, as_fast_as_possible: bool
    ) -> tuple[Lanes, ...] | None:
        """The lanes along a chain behind streams of ``begin`` elements in a beat."""
        ways: dict[tuple[int, ...], Way] = {begin: Way(Cost(0, 0), ())}
        for index in chain:
            step = self.steps[index]
            found: dict[tuple[int, ...], Way] = {}
            own = max(target, step.cycles(step.fixed or step.most)) if as_fast_as_possible else target
            for before, way in ways.items():
                for lanes in self._choices(step, own, before):
                    cost = way.cost.plus(self._core(index, lanes))
                    for x, given, taken in zip(step.inputs, before, step.operand_lanes(lanes), strict=True):
                        cost = cost if given == taken else cost.plus(self._adapter_cost(x, given, taken))
                    best = found.get((lanes.output,))
                    if best is None or cost < best.cost:
                        found[lanes.output,] = Way(cost, (*way.lanes, lanes))
            ways = found
        return min(ways.values(), key=lambda way: way.cost).lanes if ways else None

    def _choices(self, step: Step, target: int, before: tuple[int, ...]) -> Iterator[Lanes]:
        """Lanes that may be best for a core after streams of ``before`` elements in a beat."""
        size = step.x.size
        if any(beats(x.size, lanes) > target for x, lanes in zip(step.inputs, before, strict=True)):
            return
        if step.fixed is not None:
            if step.cycles(step.fixed) <= target:
                yield self.completed(step, step.fixed)
            return
        if step.pairs is not None:
            yield from (self.completed(step, lanes) for lanes in step.pairs if step.cycles(lanes) <= target)
            return
        inputs, outputs = step.choices
        if outputs is None:
            enough = (n for n in inputs[bisect_left(inputs, beats(size, target)) :] if step.cycles(step.lanes(n)) <= target)
            own = {lanes for lanes in before if lanes in inputs and step.cycles(step.lanes(lanes)) <= target}
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
        add_cores(parts, step.node.op, step.inputs, step.intervals, lanes)
        area = parts.area()
        return Cost(area.dsps, area.luts)

    def _adapter_cost(self, x: TensorType, before: int, after: int) -> Cost:
        parts = Parts(self.family)
        parts.adapter(Adapter(x.size, before, after), x.format.total_bits)
        return Cost(0, parts.area().luts)


def _chains(steps: Sequence[Step]) -> list[list[int]]:
    """The indices of ``steps`` in chains, in the order in which these begin."""
    readers = Counter(source for step in steps for source in step.sources)
    chains: list[list[int]] = []
    last: dict[str, list[int]] = {}
    for index, step in enumerate(steps):
        chain = last.get(step.sources[0], []) if len(step.sources) == 1 and readers[step.sources[0]] == 1 else []
        if not chain:
            chains.append(chain)
        chain.append(index)
        last[step.node.name] = chain
    return chains


def intervals_of(steps: Iterable[Step]) -> list[int]:
    """Intervals that a network can have and no faster one can: those of single layers; ascending."""
    found: set[int] = set()
    for step in steps:
        if step.pairs is not None:
            found |= {step.cycles(lanes) for lanes in step.pairs}
            continue
        inputs, outputs = (_useful(choices) if choices else None for choices in step.choices)
        assert inputs is not None
        found |= {step.cycles(Lanes(i, o)) for i in inputs for o in outputs or (step.lanes(i).output,)}
    return sorted(found)


def _useful(choices: Sequence[int]) -> Sequence[int]:
    """Those of which fewer would take more beats."""
    return fewest_lanes(choices[-1]) if isinstance(choices, range) else choices

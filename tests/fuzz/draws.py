"""Where random networks come from: choices that Hypothesis makes, and makes again smaller when a network fails."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from creator import CreatorError, Graph
from creator.ops import Lanes, Linear
from creator.passes import LOWER, run_passes
from creator.schedule import schedule
from creator.schedule.assemble import core_nodes
from creator.simulation.stalls import NAMES

T = TypeVar("T")
FRAME_BEATS = 32
"""Cycles that a small network's slowest core may take for a sample, so that 256 samples are simulated in a second or so."""


class Draws:
    """Answers a generator's questions. The smallest, first or negative answer is the simplest: shrinking goes there."""

    def __init__(self, draw: Any) -> None:
        self._draw = draw

    def whole(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return int(self._draw(st.integers(int(low), int(high))))

    def chance(self, percent: int) -> bool:
        return self.whole(1, 100) > 100 - percent

    def pick(self, items: Sequence[T]) -> T:
        return items[self.whole(0, len(items) - 1)]

    def repeat(self, most: int, make: Callable[[], None]) -> None:
        """Calls ``make`` once or more. Each call with what decides about the next is one piece, which shrinking can cut out."""

        @st.composite
        def piece(draw: Any) -> bool:
            outer, self._draw = self._draw, draw
            try:
                make()
                return self.chance(65)
            finally:
                self._draw = outer

        for _ in range(most):
            if not self._draw(piece()):
                return

    def bulk(self) -> np.random.Generator:
        """For what is too much to choose one by one, as weights are."""
        return np.random.default_rng(self.whole(0, 2**32 - 1))

    def parallelism(self, graph: Graph, beats: int) -> Mapping[str, Any]:
        """Arguments of ``translate``: one of the ways to ask for lanes. No core takes more than ``beats`` cycles a sample."""
        lowered = run_passes(graph, LOWER)
        nodes = core_nodes(lowered)
        most = max(node.op.timing(lowered.input_types(node), Lanes()).interval for node in nodes)
        multiplied = sum(node.op.weight.size for node in graph.nodes if isinstance(node.op, Linear))
        packing = {"packing": self.chance(50), "pipelining": self.chance(20)}
        match self.whole(0, 7):
            case 0 if most <= beats:
                return {}
            case 1:
                wanted = {"parallelism": self.whole(min(beats, 16), beats), **packing}
                with contextlib.suppress(CreatorError):  # some networks cannot be as fast
                    schedule(lowered, **wanted)
                    return wanted
            case 2 if multiplied <= 200:
                return {"parallelism": "full-lanes", **packing}
        lanes: dict[str, int | list[int]] = {}
        for node in nodes:
            n, m = lowered.input_types(node)[0].size, node.type.size
            types = lowered.input_types(node)
            pairs = node.op.lane_pairs(types)
            if pairs is not None:
                lanes[node.name] = list(
                    self.pick([each for each in pairs if node.op.timing(types, each).interval <= beats])[:2]
                )
                continue
            inputs, outputs = node.op.lane_choices(types, node.type)
            if outputs is None:
                taken = min(self.lanes(n, 16, -(-n // beats)), inputs[-1])
                lanes[node.name] = next(k for k in inputs if k >= taken)
                continue
            if not isinstance(inputs, range):
                lanes[node.name] = [self.pick(inputs), self.pick(outputs)]
                continue
            taken = self.lanes(n, 16, -(-n // beats))
            rounds = max(1, beats // -(-n // taken))
            lanes[node.name] = [taken, self.lanes(m, max(1, 48 // taken, -(-m // rounds)), -(-m // rounds))]
        return {"lanes": lanes, **packing}

    def bench(self) -> dict[str, Any]:
        """How the simulation goes: pauses, and resets before the run that counts."""
        stalls = self.pick(["none", "none", "none", *NAMES])
        return {"stalls": stalls, "interrupt": self.whole(0, 4), "resets": self.pick([0, 0, 0, 5])}

    def lanes(self, size: int, most: int, least: int) -> int:
        """Few, all, or some of ``size``."""
        return max(least, min(most, self.pick([1, 1, size, self.whole(1, size), self.whole(1, size)])))

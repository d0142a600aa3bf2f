"""One random network, and how it is checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import creator
from creator import Graph
from creator.graph.text import arrays_of, parse_graph
from creator.graph.vectors import check_vectors
from creator.schedule.timeline import frame_ends

WATCHDOG = 4
"""A network must be done before so many times the cycles of its schedule."""


@dataclass(frozen=True)
class Trial:
    """A network, and what is done with it.

    Args:
        traced: before any pass.
        graph: the graph that users have.
        expected: output codes for input codes, of another origin: PyTorch, or exact arithmetic.
        options: of ``translate``.
        vectors: random samples; corners come on top.
        stalls: profile of pauses.
        interrupt, resets: see ``simulate``.
    """

    traced: Graph
    graph: Graph
    expected: Callable[[np.ndarray], np.ndarray]
    options: Mapping[str, Any]
    vectors: int
    stalls: str
    interrupt: int
    resets: int

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """How Hypothesis shows it."""
        del cycle
        printer.text(str(self))

    def __str__(self) -> str:
        bench = f"stalls={self.stalls!r} interrupt={self.interrupt} resets={self.resets} vectors={self.vectors}"
        return f"\n{self.traced.text()}translate options: {dict(self.options)}\nsimulation: {bench}\n"

    def design(self) -> creator.Design:
        return creator.translate(self.graph, **self.options)

    def check(self, folder: Path, bench: str = "vhdl", most: int = 256) -> int:
        """Compares everything that says what the network computes, on at most ``most`` random vectors; the number of samples.

        Raises:
            AssertionError, CreatorError: where two disagree, or the time is not the planned one.
        """
        x = check_vectors(self.graph, min(self.vectors, most))
        expected = self.expected(x)
        assert np.array_equal(self.traced.run(x), expected), "the graph differs from its origin"
        assert np.array_equal(self.graph.run(x), expected), "a pass changed an output"
        assert parse_graph(self.graph.text(), arrays_of(self.graph)).text() == self.graph.text(), "the text form differs"
        design = self.design()
        assert np.array_equal(design.plan.run(x), expected), "the lowered graph differs"
        run = creator.simulate(
            design.write(folder), x, bench=bench, stalls=self.stalls, interrupt=self.interrupt, resets=self.resets
        )
        assert run.mismatches == 0, run.first
        assert run.compared == expected.size
        assert np.array_equal(run.outputs, expected), "the VHDL differs"
        assert run.cycles <= WATCHDOG * (design.latency + len(x) * design.interval) * (1 if self.stalls == "none" else 10)
        if self.stalls == "none":
            assert (run.latency, run.interval) == (design.latency, design.interval), "the time is not the planned one"
            if bench == "vhdl":
                assert list(run.ends) == frame_ends(design.plan, len(run.ends)), "a frame is not in time"
        return len(x)

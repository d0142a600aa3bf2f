"""The committed networks and vectors that a mutant of the hardware has to get past: those of the other tests, as one list."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import Any

import numpy as np

import creator
from creator.formats import IntArray
from creator.graph.vectors import check_vectors
from creator.ops import REGISTRY
from creator.simulation.stalls import NAMES
from tests.fuzz.explore import explore
from tests.fuzz.trial import Trial
from tests.mutation.killers import KILLERS
from tests.simulation import test_deep_memories

LONGEST = 6_000
"""Cycles of a network's run at full speed; longer ones are left out."""

LEAST_FRAMES, MOST_FRAMES = 6, 24
FUZZ = 60
"""Random networks of each kind."""


@dataclass(frozen=True)
class Run:
    """How a network is driven.

    Args:
        name: in reports.
        profile: of pauses, in ``creator.simulation.stalls``.
        cut: whether a reset cuts off a first try in the middle of a frame.
        resets: tries of 1, 2, ... cycles cut off before the run proper.
        share: of the frames that full speed gets.
    """

    name: str
    profile: str = "none"
    cut: bool = False
    resets: int = 0
    share: float = 1.0


FULL = Run("full speed")
RUNS = (
    FULL,
    Run("bursts and a reset", "bursts", cut=True, share=0.5),
    Run("pauses and resets", "random", True, 40, 0.3),
    Run("a slow sink", "slow-sink", share=0.5),
)
MORE = (Run("resets", "none", True, 64, 0.3), *(Run(name, name, share=0.5) for name in NAMES[1:] if name != "slow-sink"))


@dataclass(frozen=True)
class Network:
    """A graph, and how it is translated."""

    name: str
    graph: creator.Graph
    options: dict[str, Any] = field(default_factory=dict)

    def vectors(self, interval: int) -> IntArray:
        """Corners and seeded random samples: as many as a run of a thousand cycles can take."""
        frames = max(LEAST_FRAMES, min(MOST_FRAMES, 1500 // interval))
        return check_vectors(self.graph, max(2, frames - 4), seed=2)


def _cases() -> Iterator[list[Callable[[], Network]]]:
    for op in sorted(REGISTRY):
        found = importlib.import_module(f"tests.cases.{op}").CASES
        yield [lambda op=op, case=case: Network(f"{op}: {case.name}", case.graph(), dict(case.options)) for case in found]


def _random(kind: str) -> list[Network]:
    found: list[Trial] = []
    explore(kind, 0, FUZZ, found.append)
    return [Network(f"random {kind} {number}", trial.graph, dict(trial.options)) for number, trial in enumerate(found)]


def networks() -> list[Network]:
    """All of them: first the small ones, then those of different origin in turn; of one origin, the fewest cycles first."""
    deep = [(name, graph, lanes) for name, (graph, lanes, *_) in test_deep_memories.CASES.items()]
    killers = [Network(name, graph, options) for name, graph, options in KILLERS]
    random.Random(0).shuffle(killers)  # so that the first few are of all kinds
    killers.sort(key=lambda killer: " behind a layer" not in killer.name)  # what is not valid there is not undefined either
    long = [killer for killer in killers if " banks of " in killer.name or killer.name.startswith("deep")]
    groups = [
        *([make() for make in makers] for makers in _cases()),
        _random("mlp"),
        _random("scales"),
        [Network(f"deep: {name}", graph, {"lanes": lanes}) for name, graph, lanes in deep],
    ]
    short = [[network for _, network in sorted(_short(group), key=lambda pair: pair[0])] for group in groups]
    others = [network for network in chain.from_iterable(zip_longest(*short)) if network is not None]
    return [*(killer for killer in killers if killer not in long), *others, *long]


def _short(group: list[Network]) -> Iterator[tuple[int, Network]]:
    for network in group:
        design = creator.translate(network.graph, **network.options)
        cycles = design.latency + LEAST_FRAMES * design.interval
        if cycles <= LONGEST:
            yield cycles, network


def frames_of(x: IntArray, share: float) -> IntArray:
    """The first ``share`` of the samples, flattened, at least six frames: repeated where there are fewer."""
    flat = x.reshape(len(x), -1)
    some = flat[: max(LEAST_FRAMES, round(len(x) * share))]
    return np.concatenate([some] * -(-LEAST_FRAMES // len(some)))

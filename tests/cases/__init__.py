"""Configurations of every operation; the conformance suite runs each through every stage.

A file here is named after an operation and gives ``CASES``. A case is a model whose graph has that operation, or such a graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

import creator
from creator.passes import OPTIMISE, run_passes
from tests import oracle


@dataclass(frozen=True)
class Case:
    """One configuration.

    Args:
        name: unique in its file.
        make: builds the model; torch's seed is set before.
        input_shape: of one sample.
        options: of ``translate``.
    """

    name: str
    make: Callable[[], torch.nn.Module]
    input_shape: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    def model(self) -> torch.nn.Module:
        """The model, in eval mode, the same every time."""
        torch.manual_seed(sum(self.name.encode()))
        return self.make().eval()

    def graph(self) -> creator.Graph:
        """The traced model."""
        return creator.trace(self.model(), self.input_shape)

    def expected(self, graph: creator.Graph, x: np.ndarray) -> np.ndarray:
        """What PyTorch computes from the input codes ``x``, as output codes."""
        with torch.no_grad():
            y = self.model()(torch.from_numpy(graph.input_format.from_integers(x)).float()).double().numpy()
        codes = graph.output_format.to_integers(y)
        assert np.array_equal(graph.output_format.from_integers(codes), y), "an output of the model is not on the output's grid"
        return codes.reshape(len(x), *graph.output_shape)  # torch gives one index a sample no axis


@dataclass(frozen=True)
class GraphCase:
    """One configuration of an operation that is reached without a model, so that its every attribute can be chosen.

    Args:
        name: unique in its file.
        make: builds the graph, before any pass.
        options: of ``translate``.
    """

    name: str
    make: Callable[[], creator.Graph]
    options: Mapping[str, Any] = field(default_factory=dict)

    def graph(self) -> creator.Graph:
        """The graph as tracing would leave it."""
        return run_passes(self.make(), OPTIMISE)

    def expected(self, graph: creator.Graph, x: np.ndarray) -> np.ndarray:
        """What the graph, no pass having touched it, gives in Python's own integers."""
        del graph
        return oracle.run(self.make(), x)


def sequential(*layers: torch.nn.Module) -> torch.nn.Sequential:
    """Layers in a row."""
    return torch.nn.Sequential(*layers)


class Residual(torch.nn.Module):
    """``join(body(x), skip(x))`` behind a format, and what comes after it."""

    def __init__(
        self,
        entry: creator.FixedPoint,
        body: torch.nn.Module,
        join: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        *after: torch.nn.Module,
        skip: torch.nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.entry, self.body, self.join = creator.nn.Quantize(entry), body, join
        self.skip, self.after = skip or torch.nn.Identity(), torch.nn.Sequential(*after)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.entry(x)
        return self.after(self.join(self.body(x), self.skip(x)))  # type: ignore[no-any-return]


class Constants(torch.nn.Module):
    """What ``body`` makes of itself and of what the entry gives; with a constant for each of two channels and of three."""

    def __init__(
        self,
        body: Callable[[Any, torch.Tensor], torch.Tensor],
        entry: creator.FixedPoint,
        layers: Mapping[str, torch.nn.Module],
    ) -> None:
        super().__init__()
        self.entry, self.body = creator.nn.Quantize(entry), body
        self.pair = torch.nn.Parameter(torch.tensor([0.5, -1.25])[:, None, None])
        self.register_buffer("three", torch.tensor([3.0, -0.125, 0.0]))
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(self, self.entry(x))


def constants(
    name: str,
    body: Callable[[Any, torch.Tensor], torch.Tensor],
    shape: tuple[int, ...] = (3,),
    layers: Callable[[], Mapping[str, torch.nn.Module]] = dict,
    entry: creator.FixedPoint | None = None,
    **options: Any,
) -> Case:
    """A model of values and constants."""
    return Case(name, lambda: Constants(body, entry or creator.FixedPoint(7, 4), layers()), shape, options)

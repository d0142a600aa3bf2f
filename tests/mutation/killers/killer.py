"""What a small network for mutants is."""

from __future__ import annotations

from typing import Any

from creator.graph import Graph

Killer = tuple[str, Graph, dict[str, Any]]
"""A name, a graph, options of ``translate``."""


def by(lanes: int, layer: int = 0) -> dict[str, Any]:
    """Options: so many lanes of the layer of that number, the same at its input and its output."""
    return {"lanes": {f"layer.{layer}": lanes}}

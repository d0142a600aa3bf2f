"""Rewrites of a graph, one a file, in groups that run in order. Each keeps every output bit for every input.

After every pass the graph is verified; the tests also run it on vectors before and after.
"""

from __future__ import annotations

from collections.abc import Callable

from creator.graph.graph import Graph
from creator.passes.drop_identities import drop_identities
from creator.passes.fold_halves import fold_halves
from creator.passes.infer_accumulators import infer_accumulators
from creator.passes.merge_changes import merge_changes
from creator.passes.merge_clamps import merge_clamps
from creator.passes.narrow_sums import narrow_sums
from creator.passes.shrink_tables import shrink_tables

Pass = Callable[[Graph], Graph]

OPTIMISE: tuple[Pass, ...] = (drop_identities, merge_changes, merge_clamps, infer_accumulators, narrow_sums, drop_identities)
"""Make the graph smaller; run by :func:`creator.trace`."""

LOWER: tuple[Pass, ...] = (fold_halves, infer_accumulators, shrink_tables)
"""Bring it closer to hardware; run by :func:`creator.translate`."""


def run_passes(graph: Graph, passes: tuple[Pass, ...]) -> Graph:
    """``graph`` after each of ``passes``, verified after each."""
    for rewrite in passes:
        graph = rewrite(graph).verify()
    return graph


__all__ = [
    "LOWER",
    "OPTIMISE",
    "drop_identities",
    "fold_halves",
    "infer_accumulators",
    "merge_changes",
    "merge_clamps",
    "narrow_sums",
    "run_passes",
    "shrink_tables",
]

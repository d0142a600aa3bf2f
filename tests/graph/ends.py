"""What networks end with, and what makes few values of many."""

from __future__ import annotations

from creator import FixedPoint, Graph
from creator.ops import ArgMax, Top1
from tests.graph.chains import chain

F = FixedPoint


def of_ends() -> Graph:
    """One node of every such operation."""
    return chain(Top1(), ArgMax(), shape=(2, 3, 4), entry=F(6, 2))

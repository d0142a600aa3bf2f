"""What networks end with, and what makes few values of many."""

from __future__ import annotations

import numpy as np

from creator import FixedPoint, Graph
from creator.ops import ArgMax, Softmax, Threshold, Top1
from tests.graph.chains import chain

F = FixedPoint


def of_ends() -> Graph:
    """One node of every such operation."""
    table = Softmax(np.array([40, 31, 20, 9, 2]), F(7, 6, signed=False))
    return chain(table, Top1(), Threshold(np.array([[3, 9, 40], [0, 5, 99]])), ArgMax(), shape=(2, 3, 4), entry=F(6, 2))

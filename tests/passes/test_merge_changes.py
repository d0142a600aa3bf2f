"""A change of format takes the place of the exact sum or product before it, and of no other."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from creator import FixedPoint, Overflow, Rounding
from creator.graph import Builder, Graph
from creator.graph.vectors import check_vectors
from creator.ops import Clamp, Op, TensorType
from creator.passes import merge_changes
from tests.graph.branches import add, joined, multiply
from tests.graph.chains import quantize

F = FixedPoint


def merged(graph: Graph) -> list[str]:
    """The operations that are left; what they compute is what was computed before."""
    after = merge_changes(graph).verify()
    x = check_vectors(graph, 300)
    assert np.array_equal(graph.run(x), after.run(x))
    return [node.op.name for node in after.nodes]


@pytest.mark.parametrize(
    "exact", [add(F(9, 4)), add(F(9, 4), -1), add(F(12, 6)), multiply(F(16, 8)), multiply(F(18, 9))], ids=str
)
@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("rounding", [mode for mode in Rounding if mode is not Rounding.STOCHASTIC])
def test_an_exact_result_takes_the_format_behind_it(exact: Op, rounding: Rounding, overflow: Overflow) -> None:
    change = quantize(F(6, 1), rounding, overflow)
    graph = joined(exact, (), (), change)
    assert merged(graph) == [exact.name]
    op = merge_changes(graph).nodes[-1].op
    assert (op.output, op.rounding, op.overflow) == (F(6, 1), rounding, overflow)


@pytest.mark.parametrize(
    "inexact",
    [
        add(F(8, 4)),
        add(F(9, 3)),
        add(F(8, 4), overflow=Overflow.WRAP),
        multiply(F(15, 8)),
        multiply(F(16, 7)),
        dataclasses.replace(add(F(9, 4)), low=0),
        dataclasses.replace(add(F(9, 4)), high=253),
    ],
    ids=str,
)
def test_a_result_that_was_rounded_or_limited_keeps_its_format(inexact: Op) -> None:
    assert merged(joined(inexact, (), (), quantize(F(5, 0)))) == [inexact.name, "quantize"]


def test_what_another_node_reads_stays() -> None:
    builder = Builder(TensorType((4,), F(8, 4)))
    total = builder.add(add(F(9, 4)), (builder.input, builder.input), ("sum",))
    change = builder.add(quantize(F(9, 4), Rounding.FLOOR), total, ("change",))
    graph = builder.graph(builder.add(add(F(10, 4)), (total, change), ("both",)))
    assert merged(graph) == ["add", "quantize", "add"]


def test_bounds_count_not_formats_alone() -> None:
    assert merged(joined(add(F(8, 4)), (Clamp(-9, 9),), (Clamp(0, 20),), quantize(F(5, 0)))) == ["clamp", "clamp", "add"]

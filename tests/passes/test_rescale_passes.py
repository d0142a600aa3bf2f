"""What the passes do with changes of scale, and with the exact sums before them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from creator import FixedPoint, Graph, Overflow, Rounding
from creator.affine import Affine, Format
from creator.graph import Node
from creator.graph.vectors import check_vectors
from creator.ops import Clamp, Linear, Op, Rescale, Reshape, TensorType
from creator.passes import (
    LOWER,
    OPTIMISE,
    drop_identities,
    fold_halves,
    infer_accumulators,
    merge_clamps,
    narrow_sums,
    run_passes,
)
from tests.graph.chains import chain, linear, rescale, table

F = FixedPoint
A = Affine(0.1, 3, 6)
SUMS = linear(entry=F(8, 0), weight_format=F(8, 0), output=F(52, 0))


def same(before: Graph, after: Graph) -> Graph:
    """``after``, once it is verified and shown to compute what ``before`` does."""
    x = check_vectors(before, 300)
    assert np.array_equal(before.run(x), after.verify().run(x))
    assert (after.input_type, after.output_type) == (before.input_type, before.output_type)
    return after


def sums_of(graph: Graph) -> Linear:
    op = graph.nodes[0].op
    assert isinstance(op, Linear)
    return op


GRAPHS = {
    "scales": chain(rescale([3, 5, 1, 0], 2, A), Clamp(-3, 9), rescale([2], 1, A), rescale([4], 2, A), Clamp(-32, 31)),
    "sums": chain(SUMS, rescale([3, 5, 9], 9, A), entry=A),
    "clamps all around": chain(SUMS, Clamp(-100, 3000), rescale([9], 9, A), Clamp(3, 31), table(bits=6), entry=A),
    "sums of another shape": chain(SUMS, Reshape((3, 1)), Reshape((1, 3)), rescale([3, 5, 9], 9, A), entry=F(8, 0)),
    "half up": chain(
        linear(output=F(50, 5), rounding=Rounding.HALF_UP), rescale([3, 5, 9], 5, A, Rounding.HALF_UP), entry=F(8, 4)
    ),
    "unsigned sums": chain(linear(output=F(50, 8, signed=False)), rescale([3], 5, A)),
    "wrapping sums": chain(linear(output=F(9, 8), overflow=Overflow.WRAP, low=-100, high=90), rescale([3], 5, A)),
    "two layers": chain(SUMS, rescale([3], 9, A), linear(3, 2, entry=F(8, 0), output=F(40, 4)), rescale([3, 4], 9, A), entry=A),
}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("rewrite", [drop_identities, merge_clamps, infer_accumulators, fold_halves, narrow_sums])
def test_every_pass_keeps_every_output(name: str, rewrite) -> None:
    same(GRAPHS[name], rewrite(GRAPHS[name]))


@pytest.mark.parametrize("name", GRAPHS)
def test_the_pass_lists_keep_every_output_and_have_nothing_left_to_do(name: str) -> None:
    once = same(GRAPHS[name], run_passes(GRAPHS[name], OPTIMISE))
    assert run_passes(once, OPTIMISE).text() == once.text()
    lowered = same(GRAPHS[name], run_passes(once, LOWER))
    assert [node.type for node in lowered.nodes] == [node.type for node in once.nodes]


def test_narrow_sums_example() -> None:
    graph = chain(SUMS, rescale([3, 5, 9], 9, A), entry=F(8, 0), paths=("sums", "scaled"))
    after = same(graph, run_passes(graph, OPTIMISE))
    sums, scaled = after.nodes
    op = sums_of(after)
    assert op.output == op.accumulator == sums.type.format
    assert op.output.total_bits == 17
    assert (op.low, op.high) == (op.output.min_code, op.output.max_code)
    assert isinstance(scaled.op, Rescale)
    assert after.intervals["sums"] == graph.intervals["sums"]


@pytest.mark.parametrize(
    ("before", "output", "low", "high"),
    [
        ({"output": F(52, 8), "low": -9, "high": 700}, F(11, 8), -9, 700),
        ({"output": F(52, 8), "low": 0}, F(15, 8), 0, 2**14 - 1),
        ({"output": F(50, 8, signed=False)}, F(14, 8, signed=False), 0, 2**14 - 1),
        ({"output": F(6, 8)}, F(6, 8), -32, 31),
        ({"output": F(6, 8, symmetric=True)}, F(6, 8, symmetric=True), -31, 31),
        ({"output": F(50, 3)}, F(10, 3), -512, 511),
        ({"output": F(40, 8), "overflow": Overflow.WRAP}, F(40, 8), -(2**39), 2**39 - 1),
    ],
    ids=str,
)
def test_the_output_holds_what_is_reached(before: dict, output: FixedPoint, low: int, high: int) -> None:
    graph = chain(linear(**before), rescale([3, 5, 9], 4, A))
    op = sums_of(same(graph, narrow_sums(graph)))
    assert (op.output, op.low, op.high) == (output, low, high)


def reading(*ops: Op, output: str = "b") -> Graph:
    """Exact sums that several nodes read; ``output`` is one of them."""
    nodes = [Node("sums", SUMS, ("input",), TensorType((3,), F(52, 0)))]
    for name, op in zip("ab", ops, strict=True):
        nodes.append(Node(name, op, ("sums",), op.infer((nodes[0].type,))))
    return Graph("input", TensorType((4,), F(8, 0)), tuple(nodes), output).verify()


@pytest.mark.parametrize(
    ("graph", "narrowed"),
    [
        (chain(SUMS, entry=F(8, 0)), False),
        (chain(SUMS, Clamp(0, 5), entry=F(8, 0)), False),
        (chain(SUMS, Reshape((3, 1)), entry=F(8, 0)), False),
        (chain(SUMS, Reshape((3, 1)), rescale([3], 9, A), entry=F(8, 0)), True),
        (reading(rescale([3], 4, A), rescale([5], 4, A)), True),
        (reading(rescale([3], 4, A), Clamp(0, 5)), False),
        (reading(rescale([3], 4, A), Reshape((3, 1))), False),
        (reading(rescale([3], 4, A), rescale([5], 4, A), output="sums"), False),
    ],
    ids=range(8),
)
def test_only_what_nothing_but_changes_of_scale_reads_is_narrowed(graph: Graph, narrowed: bool) -> None:
    after = same(graph, narrow_sums(graph))
    assert (sums_of(after).output.total_bits < 52) == narrowed


@pytest.mark.parametrize(
    ("op", "entry", "kept"),
    [
        (rescale([8], 3, A), A, False),
        (rescale([8] * 4, 3, A), A, False),
        (rescale([1], 0, F(6, 2)), F(6, 2), False),
        (rescale([8, 8, 8, 9], 3, A), A, True),
        (rescale([8], 2, A), A, True),
        (rescale([8], 4, A), A, True),
        (rescale([7], 0, A), A, True),
        (rescale([0], 0, A), A, True),
        (rescale([1], 0, A), A.codes, True),
        (rescale([1], 0, A), dataclasses.replace(A, zero_point=4), True),
        (rescale([1], 0, A), dataclasses.replace(A, scale=0.11), True),
        (rescale([1], 0, F(6, 2)), F(6, 3), True),
        (dataclasses.replace(rescale([1], 0, A), low=-31), A, True),
        (dataclasses.replace(rescale([1], 0, A), high=30), A, True),
    ],
    ids=range(14),
)
def test_only_identities_are_dropped(op: Rescale, entry: Format, kept: bool) -> None:
    graph = chain(op, entry=entry)
    assert len(same(graph, drop_identities(graph)).nodes) == kept


def test_clamps_merge_into_a_change_of_scale() -> None:
    graph = chain(rescale([3], 2, A), Clamp(-20, 30), Clamp(-25, 9), paths=("scale", "relu", "more"), entry=F(8, 0))
    after = same(graph, merge_clamps(graph))
    (node,) = after.nodes
    assert isinstance(node.op, Rescale)
    assert (node.op.low, node.op.high) == (-20, 9)
    assert (node.name, node.paths) == ("scale", ("scale", "relu", "more"))

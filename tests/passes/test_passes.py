"""Each pass keeps every output, does what its docstring shows, and leaves alone what it must."""

from __future__ import annotations

import dataclasses
from itertools import product

import numpy as np
import pytest

from creator import CreatorError, FixedPoint, Overflow, Rounding
from creator.graph import Graph, Node
from creator.graph.vectors import check_vectors
from creator.ops import Clamp, Interval, Linear, Op, Reshape, TensorType
from creator.passes import LOWER, OPTIMISE, drop_identities, fold_halves, infer_accumulators, merge_clamps, run_passes
from tests.graph.chains import chain, linear, of_everything, quantize, table
from tests.graph.ends import of_ends

F = FixedPoint
MODES = [mode for mode in Rounding if mode is not Rounding.STOCHASTIC]


def same(before: Graph, after: Graph, count: int = 300) -> Graph:
    """``after``, once it is verified and shown to compute what ``before`` does."""
    after.verify()
    x = check_vectors(before, count)
    assert np.array_equal(before.run(x), after.run(x))
    assert after.input_type == before.input_type
    assert after.output_type == before.output_type
    return after


def ops(graph: Graph) -> list[str]:
    return [node.op.name for node in graph.nodes]


GRAPHS = {
    "everything": of_everything(),
    "ends": of_ends(),
    "empty": chain(),
    "one linear": chain(linear()),
    "identities only": chain(Reshape((4,)), Clamp(-128, 127), quantize(F(8, 4))),
    "identity at the end": chain(linear(), Clamp(-128, 127)),
    "clamps": chain(linear(), Clamp(-5, 100), Clamp(0, 127), Clamp(50, 60)),
    "clamps that do not meet": chain(Clamp(-9, -3), Clamp(5, 8)),
    "wrap and clamp": chain(linear(output=F(4, 4), overflow=Overflow.WRAP), Clamp(-2, 3)),
    "half up": chain(linear(rounding=Rounding.HALF_UP), Clamp(0, 127), linear(3, 2, rounding=Rounding.HALF_UP)),
    "table between": chain(table(), Clamp(0, 5), quantize(F(4, 3)), linear(entry=F(4, 3))),
    "reshapes": chain(Reshape((2, 2)), Clamp(0, 9), Reshape((4,)), linear()),
}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("rewrite", [drop_identities, merge_clamps, infer_accumulators, fold_halves])
def test_every_pass_keeps_every_output(name: str, rewrite) -> None:
    same(GRAPHS[name], rewrite(GRAPHS[name]))


@pytest.mark.parametrize("name", GRAPHS)
def test_the_pass_lists_keep_every_output_and_every_path(name: str) -> None:
    graph = GRAPHS[name]
    after = same(graph, run_passes(graph, OPTIMISE + LOWER))
    cores = {path for node in graph.nodes if isinstance(node.op, Linear) for path in node.paths}
    assert cores <= {path for node in after.nodes for path in node.paths}


@pytest.mark.parametrize("name", GRAPHS)
def test_the_passes_have_nothing_left_to_do_the_second_time(name: str) -> None:
    once = run_passes(GRAPHS[name], OPTIMISE)
    assert run_passes(once, OPTIMISE).text() == once.text()


def test_run_passes_verifies_after_each() -> None:
    def broken(graph: Graph) -> Graph:
        return dataclasses.replace(graph, output="ghost")

    with pytest.raises(CreatorError, match="ghost"):
        run_passes(chain(linear()), (broken,))


# drop_identities


def test_drop_identities_example() -> None:
    graph = chain(Reshape((4,)), Clamp(0, 127), quantize(F(8, 4)), paths=("flat", "relu", "again"))
    after = same(graph, drop_identities(graph))
    assert [node.name for node in after.nodes] == ["relu"]
    positive = chain(*(node.op for node in graph.nodes), entry=F(8, 4, signed=False))
    assert ops(positive) == ["reshape", "clamp", "quantize"]
    unsigned = chain(Reshape((4,)), Clamp(0, 255), quantize(F(8, 4, signed=False)), entry=F(8, 4, signed=False))
    after = same(unsigned, drop_identities(unsigned))
    assert after.nodes == ()
    assert after.output == "input"


@pytest.mark.parametrize(
    ("op", "kept"),
    [
        (Clamp(-128, 127), False),
        (Clamp(-127, 127), True),
        (Clamp(-128, 126), True),
        (Reshape((4,)), False),
        (Reshape((2, 2)), True),
        (quantize(F(8, 4)), False),
        (quantize(F(8, 4), Rounding.FLOOR, Overflow.WRAP), False),
        (quantize(F(8, 3)), True),
        (quantize(F(8, 5)), True),
        (quantize(F(9, 4)), True),
        (quantize(F(8, 4, signed=False)), True),
        (quantize(F(8, 4, symmetric=True)), True),
        (dataclasses.replace(quantize(F(8, 4)), low=-127), True),
        (dataclasses.replace(quantize(F(8, 4)), high=126), True),
    ],
    ids=str,
)
def test_only_identities_are_dropped(op: Op, kept: bool) -> None:
    graph = chain(op)
    assert len(same(graph, drop_identities(graph)).nodes) == kept


def test_a_clamp_that_never_binds_after_another_is_dropped() -> None:
    graph = chain(Clamp(-5, 5), Clamp(-6, 6), Clamp(-5, 4))
    after = same(graph, drop_identities(graph))
    assert [node.op for node in after.nodes] == [Clamp(-5, 5), Clamp(-5, 4)]


def test_dropping_in_the_middle_reconnects() -> None:
    graph = chain(Clamp(-5, 5), Reshape((4,)), Reshape((4,)), Clamp(-3, 3), paths=("a", "b", "c", "d"))
    after = same(graph, drop_identities(graph))
    assert [(node.name, node.inputs) for node in after.nodes] == [("a", ("input",)), ("d", ("a",))]


# merge_clamps


def test_merge_clamps_example() -> None:
    graph = chain(linear(), Clamp(0, 127), paths=("linear_1", "relu"))
    after = same(graph, merge_clamps(graph))
    (node,) = after.nodes
    assert isinstance(node.op, Linear)
    assert (node.name, node.op.low, node.op.high) == ("linear_1", 0, 127)
    assert node.paths == ("linear_1", "relu")
    assert after.output == "linear_1"


BOUNDS = [(-128, 127), (0, 127), (-100, -50), (-3, 4), (20, 90), (127, 127), (-128, -128), (5, 5)]


@pytest.mark.parametrize(("first", "second"), list(product(BOUNDS, BOUNDS)))
def test_two_clamps_merge_whether_their_ranges_meet_or_not(first: tuple[int, int], second: tuple[int, int]) -> None:
    graph = chain(Clamp(*first), Clamp(*second), shape=(1,))
    after = merge_clamps(graph).verify()
    (node,) = after.nodes
    every = np.arange(-128, 128)[:, None]
    assert np.array_equal(after.run(every), np.clip(np.clip(every, *first), *second))
    assert isinstance(node.op, Clamp)


@pytest.mark.parametrize("overflow", Overflow)
def test_a_clamp_merges_into_a_requantizer(overflow: Overflow) -> None:
    graph = chain(quantize(F(4, 3), Rounding.HALF_EVEN, overflow), Clamp(-2, 5), Clamp(0, 7), shape=(1,))
    after = merge_clamps(graph).verify()
    assert ops(after) == ["quantize"]
    every = np.arange(-128, 128)[:, None]
    assert np.array_equal(after.run(every), graph.run(every))


def test_a_clamp_after_something_else_stays() -> None:
    graph = chain(table(), Clamp(0, 5), Reshape((2, 2)), Clamp(1, 5))
    assert merge_clamps(graph).text() == graph.text()


def test_a_clamp_on_the_input_stays() -> None:
    graph = chain(Clamp(0, 5))
    assert merge_clamps(graph) == graph


def test_a_value_that_something_else_reads_is_not_merged() -> None:
    kind = TensorType((4,), F(8, 4))
    ops = {"a": Clamp(-50, 50), "b": Clamp(0, 127), "c": Clamp(-5, 5)}
    nodes = tuple(Node(name, op, ("input" if name == "a" else "a",), kind) for name, op in ops.items())
    graph = Graph("input", kind, nodes, "b").verify()
    after = same(graph, merge_clamps(graph))
    assert [node.op for node in after.nodes] == [node.op for node in graph.nodes]
    output = dataclasses.replace(graph, nodes=nodes[:2], output="a")
    assert same(output, merge_clamps(output)).nodes[0].op == Clamp(-50, 50)


# infer_accumulators


def test_infer_accumulators_example() -> None:
    graph = chain(linear(64, 10), shape=(64,))
    (node,) = same(graph, infer_accumulators(graph)).nodes
    assert isinstance(node.op, Linear)
    assert node.op.accumulator.total_bits < 52
    assert node.op.accumulator.frac_bits == 8


WIDTHS = [
    {"n": 4, "m": 3, "seed": 1},
    {"n": 64, "m": 10, "seed": 2},
    {"n": 1, "m": 1, "seed": 3},
    {"n": 5, "m": 2, "align": 3, "seed": 4},
    {"n": 7, "m": 2, "weight_format": F(1, 0), "seed": 5},
    {"n": 7, "m": 2, "weight_format": F(6, 6, signed=False), "seed": 6},
    {"n": 3, "m": 2, "weight_format": F(24, 4), "seed": 7},
]


@pytest.mark.parametrize("entry", [F(8, 4), F(8, 4, signed=False), F(8, 4, symmetric=True), F(1, 4)], ids=str)
@pytest.mark.parametrize("choice", WIDTHS, ids=str)
def test_accumulators_are_as_narrow_as_can_be(entry: FixedPoint, choice: dict) -> None:
    graph = chain(linear(**choice), shape=(choice["n"],), entry=entry)
    after = same(graph, infer_accumulators(graph))
    op = after.nodes[0].op
    assert isinstance(op, Linear)
    narrower = dataclasses.replace(op, accumulator=F(op.accumulator.total_bits - 1, op.accumulator.frac_bits))
    node = dataclasses.replace(after.nodes[0], op=narrower)
    with pytest.raises(CreatorError, match=f"it needs {op.accumulator.total_bits} bits"):
        dataclasses.replace(after, nodes=(node,)).verify()


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_of_the_sums_is_reached_by_an_input(seed: int) -> None:
    op = linear(6, 4, seed=seed)
    op = dataclasses.replace(op, bias=np.abs(op.bias))
    graph = chain(op, shape=(6,))
    top = np.where(op.weight > 0, 127, -128)
    sums = np.einsum("ri,ri->r", op.weight, top) + op.bias
    assert op.sums(graph.input_type, graph.intervals["input"]).high == sums.max()


def test_every_partial_sum_fits_in_any_order() -> None:
    graph = infer_accumulators(chain(linear(9, 5, seed=8), shape=(9,))).verify()
    op = graph.nodes[0].op
    assert isinstance(op, Linear)
    rng = np.random.default_rng(0)
    for sample in check_vectors(graph, 60):
        for row, bias in zip(op.weight, op.bias, strict=True):
            terms = rng.permutation([*(row * sample), bias])
            sums = np.cumsum(terms)
            assert op.accumulator.min_code <= sums.min()
            assert sums.max() <= op.accumulator.max_code


def test_a_narrower_input_interval_narrows_the_accumulator() -> None:
    wide = infer_accumulators(chain(linear())).nodes[0].op
    narrow = infer_accumulators(chain(Clamp(-1, 1), linear())).nodes[1].op
    assert isinstance(wide, Linear)
    assert isinstance(narrow, Linear)
    assert narrow.accumulator.total_bits <= wide.accumulator.total_bits - 5


def test_zero_weights_keep_a_bit_for_the_shifted_product() -> None:
    op = dataclasses.replace(linear(align=5), weight=np.zeros((3, 4)), bias=np.zeros(3))
    (node,) = same(chain(op), infer_accumulators(chain(op))).nodes
    assert isinstance(node.op, Linear)
    assert node.op.accumulator == F(6, 13)


# fold_halves


FOLDED = {Rounding.HALF_UP: (Rounding.FLOOR, 0), Rounding.HALF_EVEN: (Rounding.HALF_EVEN, 16)}


@pytest.mark.parametrize("mode", FOLDED)
def test_fold_halves_example(mode: Rounding) -> None:
    graph = chain(linear(weight_format=F(6, 5), rounding=mode))
    before, after = graph.nodes[0].op, same(graph, fold_halves(graph)).nodes[0].op
    assert isinstance(before, Linear)
    assert isinstance(after, Linear)
    assert before.accumulator.frac_bits == 9
    assert (after.rounding, after.offset) == FOLDED[mode]
    assert np.array_equal(after.bias, before.bias + 16)
    assert fold_halves(fold_halves(graph)).text() == fold_halves(graph).text()


@pytest.mark.parametrize("frac", [-60, -44, -43, -42, -3, 3, 4, 7, 8, 9, 20])
@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("mode", FOLDED)
def test_fold_halves_is_exact_at_every_tie(frac: int, overflow: Overflow, mode: Rounding) -> None:
    op = linear(1, 1, output=F(6, frac), rounding=mode, overflow=overflow, weight_format=F(2, 4))
    graph = chain(dataclasses.replace(op, weight=np.ones((1, 1)), bias=np.zeros(1)), shape=(1,), entry=F(12, 4))
    after = run_passes(graph, LOWER)
    every = np.arange(-2048, 2048)[:, None]
    assert np.array_equal(after.run(every), graph.run(every))


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode not in FOLDED])
def test_other_roundings_are_not_folded(mode: Rounding) -> None:
    graph = chain(linear(rounding=mode))
    assert fold_halves(graph).text() == graph.text()
    assert fold_halves(graph).nodes[0].op is graph.nodes[0].op


@pytest.mark.parametrize("mode", FOLDED)
def test_a_half_beyond_the_sums_is_not_folded(mode: Rounding) -> None:
    """It would make them wide for a result that is 0, or nearly always."""
    op = dataclasses.replace(linear(1, 1, rounding=mode), weight=np.array([[1]]), bias=np.zeros(1, dtype=np.int64))
    for dropped, folds in ((8, True), (9, False)):
        graph = chain(dataclasses.replace(op, output=F(8, op.accumulator.frac_bits - dropped)), shape=(1,), entry=F(8, 4))
        assert graph.nodes[0].op.sums(graph.input_type, Interval.of(F(8, 4))) == (-128, 127)
        lowered = same(graph, run_passes(graph, LOWER)).nodes[0].op
        assert (lowered.bias[0] == 1 << dropped - 1) == folds
        assert lowered.accumulator.total_bits == (9 if folds else 8)


@pytest.mark.parametrize(
    ("offset", "mode"), [(15, Rounding.HALF_EVEN), (-16, Rounding.HALF_EVEN), (1, Rounding.HALF_EVEN), (16, Rounding.HALF_UP)]
)
def test_another_offset_than_a_half_is_refused(offset: int, mode: Rounding) -> None:
    op = dataclasses.replace(linear(weight_format=F(6, 5), rounding=mode), offset=offset)
    with pytest.raises(CreatorError, match=rf"its offset {offset} is not one half, 16, or it does not round half to even"):
        chain(op)


@pytest.mark.parametrize("mode", FOLDED)
def test_a_sum_that_would_grow_too_wide_is_not_folded(mode: Rounding) -> None:
    weight, bias = np.array([[1]]), np.array([2**51 - 1 - 127])
    op = dataclasses.replace(linear(1, 1, rounding=mode), weight=weight, bias=bias)
    graph = chain(op, shape=(1,))
    assert fold_halves(graph).nodes[0].op is graph.nodes[0].op
    less = dataclasses.replace(op, bias=bias - 8)
    folded = same(chain(less, shape=(1,)), fold_halves(chain(less, shape=(1,)))).nodes[0].op
    assert isinstance(folded, Linear)
    assert folded.bias[0] == less.bias[0] + 8
    # One that is too wide does not keep another from being folded.
    two = chain(linear(4, 1, rounding=mode), op)
    after = same(two, fold_halves(two))
    assert after.nodes[0].op.bias[0] == two.nodes[0].op.bias[0] + 8
    assert after.nodes[1].op is two.nodes[1].op


@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("mode", FOLDED)
def test_folding_leaves_what_a_layer_can_give_as_it_was(mode: Rounding, overflow: Overflow) -> None:
    """So the layer behind has exactly the bits that it needs, before and after: here those of sums that fill 11 bits."""
    entry, between = F(7, 0, signed=False), F(9, -1)
    first = linear(1, 1, entry=entry, output=between, weight_format=F(3, 0), rounding=mode, overflow=overflow)
    first = dataclasses.replace(first, weight=np.array([[-3]]), bias=np.array([0]))  # -381 ... 0, so -190 ... 0
    second = linear(1, 1, entry=between, weight_format=F(4, 0), rounding=Rounding.FLOOR)
    second = dataclasses.replace(second, weight=np.array([[-5]]), bias=np.array([73]))  # up to 950 + 73
    graph = infer_accumulators(chain(first, second, shape=(1,), entry=entry))
    assert graph.nodes[1].op.accumulator.max_code == 1023
    after = same(graph, fold_halves(graph))
    assert after.nodes[0].op.bias[0] == 1
    assert after.intervals == graph.intervals


def test_after_lowering_every_accumulator_fits_its_sums() -> None:
    graph = chain(linear(rounding=Rounding.HALF_UP, output=F(4, 0)), linear(3, 2, entry=F(4, 0), rounding=Rounding.HALF_UP))
    after = same(graph, run_passes(graph, LOWER))
    for node in after.nodes:
        assert isinstance(node.op, Linear)
        assert node.op.rounding is Rounding.FLOOR
        assert node.op.accumulator.total_bits < 30


@pytest.mark.parametrize("output", [F(8, 4, signed=False), F(8, 4, symmetric=True)], ids=str)
def test_a_change_of_sign_or_symmetry_alone_is_no_identity(output: FixedPoint) -> None:
    graph = chain(quantize(output), entry=F(8, 4))
    assert len(drop_identities(graph).nodes) == 1

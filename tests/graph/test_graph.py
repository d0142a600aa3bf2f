"""Graphs: verification, names, input checks, and running."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from creator import CreatorError, FixedPoint
from creator.graph import Builder, Graph, Node
from creator.graph.build import node_name
from creator.graph.vectors import check_vectors, corner_vectors, random_vectors
from creator.ops import Clamp, Reshape, TensorType
from tests.graph.chains import IN, chain, linear, of_everything, quantize, table
from tests.graph.ends import of_ends

F = FixedPoint
EVERYTHING = pytest.mark.parametrize("graph", [of_everything(), of_ends()], ids=["everything", "ends"])


def exact_linear(graph: Graph, x: np.ndarray) -> np.ndarray:
    """The documented formula of a lone half-even saturating linear node, in Python integers and fractions."""
    op = graph.nodes[0].op
    rows = []
    for sample in x.tolist():
        row = []
        for weights, bias in zip(op.weight.tolist(), op.bias.tolist(), strict=True):
            total = sum(w * v for w, v in zip(weights, sample, strict=True)) + bias
            kept, dropped = divmod(total, 16)
            kept += dropped > 8 or (dropped == 8 and kept % 2 == 1)
            row.append(min(max(kept, op.low), op.high))
        rows.append(row)
    return np.array(rows)


def test_a_linear_graph_computes_its_formula() -> None:
    graph = chain(linear(low=-100, high=90))
    x = check_vectors(graph, 300)
    y = graph.run(x)
    assert y.dtype == np.int64
    assert np.array_equal(y, exact_linear(graph, x))
    assert y.min() == -100
    assert y.max() == 90


@EVERYTHING
def test_run_all_gives_every_value_by_name(graph: Graph) -> None:
    values = graph.run_all(check_vectors(graph, 5))
    assert list(values) == ["input", *(node.name for node in graph.nodes)]
    for node in graph.nodes:
        assert values[node.name].shape == (9, *node.type.shape)


@EVERYTHING
def test_every_value_lies_in_its_interval(graph: Graph) -> None:
    for name, values in graph.run_all(check_vectors(graph, 500)).items():
        assert graph.intervals[name].low <= values.min()
        assert values.max() <= graph.intervals[name].high


@EVERYTHING
@pytest.mark.parametrize("count", [0, 1, 2])
def test_small_batches_run(graph: Graph, count: int) -> None:
    x = random_vectors(graph, 2)
    y = graph.run(x[:count])
    assert y.shape == (count, *graph.output_shape)
    assert y.dtype == np.int64
    assert np.array_equal(y, graph.run(x)[:count])


@EVERYTHING
def test_the_batch_does_not_matter(graph: Graph) -> None:
    x = check_vectors(graph, 40)
    assert np.array_equal(np.concatenate([graph.run(sample[None]) for sample in x]), graph.run(x))


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64])
def test_any_integer_type_runs(dtype: type) -> None:
    graph = chain(linear())
    x = check_vectors(graph, 20)
    assert np.array_equal(graph.run(x.astype(dtype)), graph.run(x))
    assert np.array_equal(graph.run(x.tolist()), graph.run(x))


@EVERYTHING
def test_running_leaves_the_input_alone(graph: Graph) -> None:
    x = check_vectors(graph, 5)
    before = x.copy()
    graph.run(x)
    assert np.array_equal(x, before)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros(4, int), "expected shape"),
        (np.zeros((2, 5), int), r"expected shape \(batch, 4\), got \(2, 5\)"),
        (np.zeros((2, 4, 1), int), "expected shape"),
        (np.int64(3), "expected shape"),
        ([], "expected shape"),
        (np.zeros((2, 4)), "dtype float64"),
        (np.zeros((0, 4)), "dtype float64"),
        (np.zeros((2, 4), bool), "dtype bool"),
        (np.zeros((2, 4), complex), "dtype complex128"),
        (np.zeros((2, 4), object), "dtype object"),
        (np.full((2, 4), "1"), "dtype <U1"),
        (np.full((2, 4), 128), "code 128 is outside"),
        (np.full((2, 4), -129), "code -129 is outside"),
        (np.full((2, 4), 2**64 - 1, np.uint64), "code 18446744073709551615 is outside"),
        (np.full((2, 4), 2**70, object), "dtype object"),
        ([[1, 2, 3, 4], [1]], "input vectors"),
        (None, "input vectors"),
    ],
    ids=lambda value: ascii(value)[:40].replace("\n", ""),
)
def test_wrong_input_is_refused(x: object, message: str) -> None:
    graph = chain(linear())
    with pytest.raises(CreatorError, match=message) as info:
        graph.run(x)  # type: ignore[arg-type]
    assert str(info.value).startswith("input vectors: ")
    assert "\n" not in str(info.value)


def test_one_code_outside_among_many_is_refused() -> None:
    graph = chain(Clamp(0, 5), entry=F(8, 4, symmetric=True))
    x = np.zeros((1000, 4), int)
    graph.run(x)
    x[777, 3] = -128
    with pytest.raises(CreatorError, match="code -128 is outside fixed<8,4,symmetric>"):
        graph.run(x)


def replaced(graph: Graph, index: int, **changes: object) -> Graph:
    nodes = list(graph.nodes)
    nodes[index] = dataclasses.replace(nodes[index], **changes)
    return dataclasses.replace(graph, nodes=tuple(nodes))


@pytest.mark.parametrize(
    ("index", "changes", "message"),
    [
        (1, {"name": "layer_0"}, "a name is used twice"),
        (1, {"name": "input"}, "takes 4 inputs"),
        (0, {"name": "a-b"}, "is not a name"),
        (0, {"name": "é"}, "is not a name"),
        (0, {"name": ""}, "is not a name"),
        (0, {"inputs": ("layer_1",)}, "does not come before it"),
        (0, {"inputs": ("layer_0",)}, "does not come before it"),
        (0, {"inputs": ("ghost",)}, "ghost"),
        (0, {"inputs": ()}, "reads 0 values, where linear takes one value"),
        (1, {"inputs": ("input", "layer_0")}, "reads 2 values, where clamp takes one value"),
        (0, {"type": TensorType((3,), F(8, 5))}, "is declared"),
        (0, {"type": TensorType((2,), F(8, 4))}, "is declared"),
        (1, {"op": Clamp(-500, 5)}, "is not a range"),
        (1, {"op": Clamp(5, -5)}, "is not a range"),
        (0, {"op": linear(bits=13)}, "can overflow"),
        (0, {"op": linear(5, 3)}, "takes 5 inputs"),
    ],
)
def test_an_unsound_graph_is_refused(index: int, changes: dict[str, object], message: str) -> None:
    graph = chain(linear(), Clamp(-5, 5))
    with pytest.raises(CreatorError, match=message) as info:
        replaced(graph, index, **changes).verify()
    assert "\n" not in str(info.value)


def test_a_missing_output_is_refused() -> None:
    with pytest.raises(CreatorError, match="'ghost' does not exist"):
        dataclasses.replace(chain(linear()), output="ghost").verify()


def test_an_error_names_the_module_paths() -> None:
    graph = chain(linear(), paths=("body.fc",))
    node = dataclasses.replace(graph.nodes[0], op=linear(bits=13), paths=("body.fc", "body.bn"))
    with pytest.raises(CreatorError, match=r"^body\.fc \+ body\.bn: "):
        dataclasses.replace(graph, nodes=(node,)).verify()


def test_a_linear_layer_on_images_hints_at_flatten() -> None:
    with pytest.raises(CreatorError, match="Flatten"):
        chain(linear(), shape=(2, 2))


@pytest.mark.parametrize(("bits", "fits"), [(52, True), (53, False)])
def test_sums_beyond_what_torch_can_evaluate_are_refused(bits: int, fits: bool) -> None:
    weight = np.full((1, 2), 2 ** (bits - 1 - 7 - 1 - 1))  # two products of -2**7 and this weight make -2**(bits-2)
    op = dataclasses.replace(
        linear(2, 1, weight_format=F(50, 4), output=F(8, 4)), weight=weight, bias=np.array([-(2 ** (bits - 2))])
    )
    assert op.sums(TensorType((2,), IN), chain().intervals["input"]).low == -(2 ** (bits - 1))
    if fits:
        chain(op, shape=(2,)).verify()
    else:
        with pytest.raises(CreatorError, match="53 bits, more than 52"):
            chain(op, shape=(2,))


def test_a_table_needs_an_entry_for_every_pattern() -> None:
    with pytest.raises(CreatorError, match="has 128 words, and 256 codes occur"):
        chain(table(bits=7))
    with pytest.raises(CreatorError, match="13 input bits is too large"):
        chain(table(bits=13), entry=F(13, 4))


def test_graphs_cannot_be_changed() -> None:
    graph = chain(linear())
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.output = "x"  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        graph.nodes[0].op.bias[0] = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("0", "linear_0"),
        ("encoder.0", "encoder_0"),
        ("a__b", "a_b"),
        ("_x_", "x"),
        ("", "linear"),
        ("λ", "linear"),
        ("x; end entity; --", "x_end_entity"),
        ("a\nb", "a_b"),
        ("../../etc", "etc"),
    ],
)
def test_node_names_come_from_module_paths(path: str, name: str) -> None:
    assert node_name("linear", path) == name


def test_names_are_unique_without_regard_to_case() -> None:
    graph = chain(*(Clamp(0, 5) for _ in range(4)), paths=("A", "a", "A", "INPUT"))
    assert [node.name for node in graph.nodes] == ["A", "a_2", "A_3", "INPUT_2"]


def test_the_builder_names_the_layer_that_does_not_fit() -> None:
    builder = Builder(TensorType((4,), IN))
    with pytest.raises(CreatorError, match=r"^body\.last: "):
        builder.add(Reshape((5,)), builder.input, ("body.last",))


def test_corner_vectors_reach_both_ends_and_alternate() -> None:
    x = corner_vectors(chain(Clamp(-1, 1), entry=F(3, 0)))
    assert x.tolist() == [[-4] * 4, [3] * 4, [0] * 4, [3, -4, 3, -4]]


def test_random_vectors_are_seeded_and_cover_the_format() -> None:
    graph = chain(quantize(F(4, 0)), entry=F(2, 0, symmetric=True))
    x = random_vectors(graph, 100, seed=5)
    assert np.array_equal(x, random_vectors(graph, 100, seed=5))
    assert not np.array_equal(x, random_vectors(graph, 100, seed=6))
    assert set(x.ravel().tolist()) == {-1, 0, 1}


def test_a_node_without_paths_is_called_by_its_name() -> None:
    assert Node("n", Clamp(0, 1), ("input",), TensorType((1,), IN)).where == "n"

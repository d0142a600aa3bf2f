"""Graphs whose values have several readers, and whose operations read several values."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import creator
from creator import CreatorError, FixedPoint, Graph
from creator.graph import Builder
from creator.graph.build import rewrite
from creator.graph.text import arrays_of, parse_graph, print_graph
from creator.graph.vectors import check_vectors
from creator.ops import REGISTRY, Clamp, Reshape, TensorType
from creator.passes import LOWER, OPTIMISE, run_passes
from tests.graph.branches import Larger, diamond
from tests.graph.chains import quantize

F = FixedPoint


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REGISTRY, "larger", Larger)


def same(before: Graph, after: Graph) -> Graph:
    x = check_vectors(before, 200)
    assert np.array_equal(before.run(x), after.verify().run(x))
    assert after.output_type == before.output_type
    return after


def wiring(graph: Graph) -> list[tuple[str, tuple[str, ...]]]:
    return [(node.name, node.inputs) for node in graph.nodes]


def test_an_operation_reads_several_values() -> None:
    graph = diamond()
    values = graph.run_all(check_vectors(graph, 50))
    assert np.array_equal(values["both"], np.maximum(values["top"], values["long_1"]))
    assert graph.intervals["both"].low == 0


def test_the_text_names_every_operand() -> None:
    graph = diamond()
    assert "both = larger(top, long_1) : " in graph.text()
    again = parse_graph(print_graph(graph), arrays_of(graph))
    assert again.text() == graph.text()
    same(graph, again)


@pytest.mark.parametrize("operands", ["top,long_1", "top,  long_1", "top, ", "top,\tlong_1", ", top", "top long_1", ""])
def test_other_ways_to_write_operands_are_refused(operands: str) -> None:
    graph = diamond()
    text = graph.text().replace("(top, long_1)", f"({operands})")
    with pytest.raises(CreatorError, match="is not understood"):
        parse_graph(text, arrays_of(graph))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (("top",), "reads 1 values, where larger takes 2 values"),
        (("top", "long_1", "top"), "reads 3 values, where larger takes 2 values"),
        (("top", "last"), "reads last, which does not come before it"),
        (("top", "both"), "reads both, which does not come before it"),
        (("ghost", "spectre"), "reads ghost, spectre, which"),
    ],
)
def test_wrong_operands_are_refused(inputs: tuple[str, ...], message: str) -> None:
    graph = diamond()
    nodes = tuple(dataclasses.replace(n, inputs=inputs) if n.name == "both" else n for n in graph.nodes)
    with pytest.raises(CreatorError, match=message):
        dataclasses.replace(graph, nodes=nodes).verify()


def test_the_builder_refuses_another_number_of_operands() -> None:
    builder = Builder(TensorType((4,), F(8, 4)))
    with pytest.raises(CreatorError, match=r"^sum: larger reads 2 values, not 1"):
        builder.add(Larger(), builder.input, ("sum",))
    with pytest.raises(CreatorError, match=r"^limit: clamp reads 1 values, not 2"):
        builder.add(Clamp(0, 1), (builder.input, builder.input), ("limit",))


def test_a_graph_with_branches_is_saved_and_loaded(tmp_path: Path) -> None:
    graph = diamond()
    graph.save(tmp_path / "g.creator")
    assert same(graph, creator.load(tmp_path / "g.creator")).text() == graph.text()


def test_the_passes_keep_every_output() -> None:
    graph = diamond()
    after = same(graph, run_passes(graph, OPTIMISE + LOWER))
    # The limit is merged into the layer that it alone reads; the value with two readers stays as it is.
    assert wiring(after) == [("top", ("input",)), ("long_0", ("top",)), ("both", ("top", "long_0")), ("last", ("both",))]
    assert run_passes(after, OPTIMISE + LOWER).text() == after.text()


def built(*steps: tuple[object, tuple[str, ...], str], output: str) -> Graph:
    builder = Builder(TensorType((4,), F(8, 4)))
    for op, sources, name in steps:
        builder.add(op, sources, (name,), name)  # type: ignore[arg-type]
    return builder.graph(output)


def test_a_limit_stays_where_its_source_has_another_reader() -> None:
    graph = built(
        (quantize(F(6, 2)), ("input",), "a"),
        (Clamp(0, 31), ("a",), "relu"),
        (Larger(), ("relu", "a"), "both"),
        output="both",
    )
    assert wiring(same(graph, run_passes(graph, OPTIMISE))) == wiring(graph)


def test_dropping_a_node_moves_its_readers_to_its_source() -> None:
    graph = built(
        (quantize(F(6, 2)), ("input",), "a"),
        (Reshape((4,)), ("a",), "same"),
        (Clamp(-32, 31), ("same",), "wide"),
        (Clamp(-3, 3), ("same",), "narrow"),
        (Larger(), ("wide", "narrow"), "both"),
        output="both",
    )
    after = same(graph, run_passes(graph, OPTIMISE))
    # Of what ``a`` had one reader in the end, two remain: nothing is merged into it.
    assert wiring(after) == [("a", ("input",)), ("narrow", ("a",)), ("both", ("a", "narrow"))]


def test_an_operand_may_be_read_twice() -> None:
    graph = built(
        (quantize(F(6, 2)), ("input",), "a"),
        (Larger(), ("a", "a"), "both"),
        (Clamp(0, 5), ("both",), "relu"),
        output="relu",
    )
    assert wiring(same(graph, run_passes(graph, OPTIMISE))) == wiring(graph)


def test_two_limits_of_one_value_do_not_merge_into_it() -> None:
    graph = built(
        (quantize(F(6, 2)), ("input",), "a"),
        (Clamp(0, 31), ("a",), "up"),
        (Clamp(-32, 0), ("a",), "down"),
        (Larger(), ("up", "down"), "both"),
        output="both",
    )
    assert wiring(same(graph, run_passes(graph, OPTIMISE))) == wiring(graph)


def test_a_node_of_several_values_is_only_kept() -> None:
    graph = diamond()
    sources = []

    def rule(node, source):
        sources.append((node.name, source.name if source else None))
        return "drop" if node.name == "both" else None

    assert wiring(rewrite(graph, rule)) == wiring(graph)
    assert sources == [("top", None), ("long_0", "top"), ("long_1", "long_0"), ("both", None), ("last", "both")]


def test_merging_into_a_node_of_several_values_keeps_its_operands() -> None:
    graph = diamond()

    def rule(node, source):
        return (Larger(), ("both", "last")) if node.name == "last" else None

    after = rewrite(graph, rule)
    assert wiring(after)[-1] == ("both", ("top", "long_1"))
    assert after.nodes[-1].paths == ("both", "last")
    assert after.output == "both"

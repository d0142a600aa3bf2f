"""The text form: print and parse are inverses, and nothing else parses."""

from __future__ import annotations

import numpy as np
import pytest

from creator import CreatorError, FixedPoint, Overflow, Rounding
from creator.graph import Graph
from creator.graph.text import HEADER, arrays_of, parse_graph, print_graph
from creator.graph.vectors import check_vectors
from creator.ops import Clamp, Reshape
from tests.graph.chains import chain, linear, of_everything, quantize
from tests.graph.ends import of_ends

F = FixedPoint

PATHS = [
    "0",
    "encoder.0",
    'quo"te',
    "back\\slash",
    "ends with \\",
    '"',
    '\\"',
    "größe",
    "层",
    "\U0001f600",
    "new\nline",
    "\u2028\u2029\x85\x0b\x0c\x1c",
    "\r\n",
    "nul\0",
    " ",
    "",
    'a" "b',
    ' : fixed<8,4>[4] from "x"',
    "\ud800",
]
EVERYTHING = pytest.mark.parametrize("graph", [of_everything(), of_ends()], ids=["everything", "ends"])


def round_trip(graph: Graph) -> Graph:
    return parse_graph(print_graph(graph), arrays_of(graph))


def refused(text: str, graph: Graph, **arrays: np.ndarray) -> str:
    with pytest.raises(CreatorError) as info:
        parse_graph(text, arrays_of(graph) | arrays)
    assert "\n" not in str(info.value)
    return str(info.value)


@pytest.mark.parametrize("path", PATHS, ids=ascii)
def test_any_module_path_survives(path: str) -> None:
    graph = chain(Clamp(0, 5), Clamp(1, 4), paths=(path,))
    again = round_trip(graph)
    assert again.nodes[0].paths == (path,)
    assert again == graph
    assert len(print_graph(graph).splitlines()) == 5


def test_several_paths_of_one_node_stay_apart() -> None:
    graph = chain(Clamp(0, 5))
    node = type(graph.nodes[0])("c", Clamp(0, 5), ("input",), graph.nodes[0].type, ('a" "b', "c\\", ""))
    again = round_trip(Graph("input", graph.input_type, (node,), "c"))
    assert again.nodes[0].paths == ('a" "b', "c\\", "")


@pytest.mark.parametrize(
    "fmt",
    [F(1, 0), F(1, 0, signed=False), F(8, -126), F(8, 50), F(52, -7), F(52, 3, signed=False), F(2, 1, symmetric=True)],
    ids=str,
)
@pytest.mark.parametrize("rounding", [r for r in Rounding if r is not Rounding.STOCHASTIC])
def test_every_format_and_rounding_survives(fmt: FixedPoint, rounding: Rounding) -> None:
    graph = chain(quantize(fmt, rounding), entry=F(9, 4, signed=False))
    assert round_trip(graph) == graph


@pytest.mark.parametrize("shape", [(1,), (4,), (2, 3), (1, 1, 5, 2)])
def test_every_shape_survives(shape: tuple[int, ...]) -> None:
    graph = chain(Reshape(shape[::-1]), shape=shape)
    assert round_trip(graph) == graph


def test_a_graph_without_nodes_survives() -> None:
    assert round_trip(chain()) == chain()


@EVERYTHING
def test_everything_at_once_survives(graph: Graph) -> None:
    again = round_trip(graph)
    assert print_graph(again) == print_graph(graph)
    x = check_vectors(graph, 50)
    for name, values in graph.run_all(x).items():
        assert np.array_equal(again.run_all(x)[name], values)


def test_the_text_is_what_the_documentation_shows() -> None:
    graph = chain(linear(overflow=Overflow.WRAP, bits=20), paths=("fc",))
    assert graph.text() == str(graph)
    assert graph.text().splitlines() == [
        "creator-graph 1",
        "input input : fixed<8,4>[4]",
        "fc = linear(input) weight=@[3,4] weight_format=fixed<6,4> bias=@[3] accumulator=fixed<20,8> output=fixed<8,4> "
        'rounding=half_even overflow=wrap low=-128 high=127 : fixed<8,4>[3] from "fc"',
        "return fc",
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (HEADER, "creator-graph 2"),
        (HEADER + "\n", ""),
        ("input input : fixed<8,4>[4]\n", ""),
        ("return fc\n", ""),
        ("return fc", "return nowhere"),
        ("= linear(", "= convolution("),
        ("= linear(", "= __import__("),
        ("linear(input)", "linear(fc)"),
        ("linear(input)", "linear(later)"),
        ("linear(input)", "linear()"),
        ("linear(input)", "linear(input, input)"),
        (" bias=@[3]", ""),
        (" bias=@[3]", " bias=@[3] extra=1"),
        (" bias=@[3]", " bias=3"),
        ("weight=@[3,4]", "weight=@[4,3]"),
        ("weight=@[3,4]", "weight=@[3,4,1]"),
        ("low=-128", "low=-129"),
        ("low=-128", "low=128"),
        ("low=-128", "low=x"),
        ("low=-128", "low=1.5"),
        ("low=-128", "low=" + "9" * 5000),
        ("high=127", "high=128"),
        ("rounding=half_even", "rounding=up"),
        ("rounding=half_even", "rounding=stochastic"),
        ("overflow=saturate", "overflow=ignore"),
        ("accumulator=fixed<52,8>", "accumulator=fixed<12,8>"),
        ("accumulator=fixed<52,8>", "accumulator=ufixed<52,8>"),
        ("accumulator=fixed<52,8>", "accumulator=fixed<52,7>"),
        ("accumulator=fixed<52,8>", "accumulator=fixed<52,126>"),
        ("accumulator=fixed<52,8>", "accumulator=fixed<64,8>"),
        ("weight_format=fixed<6,4>", "weight_format=fixed<5,4>"),
        ("weight_format=fixed<6,4>", "weight_format=ufixed<6,4>"),
        ("weight_format=fixed<6,4>", "weight_format=fixed<6,5>"),
        ("output=fixed<8,4>", "output=fixed<8,4,odd>"),
        ("output=fixed<8,4>", "output=ufixed<8,4,symmetric>"),
        (": fixed<8,4>[3]", ": fixed<8,4>[2]"),
        (": fixed<8,4>[3]", ": fixed<8,5>[3]"),
        (": fixed<8,4>[3]", ": ufixed<8,4>[3]"),
        (": fixed<8,4>[4]", ": fixed<8,4>[5]"),
        (": fixed<8,4>[4]", ": fixed<8,4>[0]"),
        (": fixed<8,4>[4]", ": fixed<8,4>[-4]"),
        (": fixed<8,4>[4]", ": fixed<8,4>"),
        (": fixed<8,4>[4]", ": fixed<8,4>[" + "9" * 5000 + "]"),
        (": fixed<8,4>[4]", ": fixed<" + "9" * 5000 + ",4>[4]"),
        (": fixed<8,4>[4]", ": fixed<0,4>[4]"),
        (": fixed<8,4>[4]", ": fixed<8,400>[4]"),
        ('from "fc"', "from 'fc'"),
        ('from "fc"', 'from "f\\qc"'),
        ('from "fc"', 'from "fc'),
        ("return fc", "fc = clamp(fc) low=0 high=1 : fixed<8,4>[3]\nreturn fc"),
        ("return fc", "input = clamp(fc) low=0 high=1 : fixed<8,4>[3]\nreturn input"),
        ("return fc", "../x = clamp(fc) low=0 high=1 : fixed<8,4>[3]\nreturn fc"),
        ("return fc", "1x = clamp(fc) low=0 high=1 : fixed<8,4>[3]\nreturn fc"),
        ("return fc", "\u00e9 = clamp(fc) low=0 high=1 : fixed<8,4>[3]\nreturn fc"),
        ("return fc", "c = clamp(fc) low=2 high=1 : fixed<8,4>[3]\nreturn c"),
        ("return fc", "t = lookup(fc) table=@[256] output=fixed<8,4> : fixed<8,4>[3]\nreturn t"),
        ("return fc", "r = reshape(fc) shape=(4) : fixed<8,4>[4]\nreturn r"),
        ("return fc", "r = reshape(fc) shape=(-3,-1) : fixed<8,4>[3]\nreturn r"),
        ("return fc", "\nreturn fc"),
    ],
)
def test_altered_text_is_refused_in_one_line(old: str, new: str) -> None:
    graph = chain(linear(), paths=("fc",))
    assert old in graph.text()
    refused(graph.text().replace(old, new), graph)


@pytest.mark.parametrize("text", ["", "\n", HEADER, HEADER + "\n", HEADER + "\nreturn input", "\0", "x" * 100000])
def test_text_that_is_no_graph_is_refused(text: str) -> None:
    refused(text, chain())


@pytest.mark.parametrize(
    "weight",
    [
        np.full((3, 4), 32),
        np.full((3, 4), -33),
        np.zeros((4, 3), np.int64),
        np.zeros((3, 4), np.float64),
        np.zeros((3, 4), np.int32),
        np.zeros((3, 4), np.uint64),
        np.zeros((3, 4), bool),
        np.zeros((0, 4), np.int64),
        np.zeros(12, np.int64),
    ],
    ids=lambda w: f"{w.dtype}{w.shape}",
)
def test_altered_weights_are_refused(weight: np.ndarray) -> None:
    graph = chain(linear(), paths=("fc",))
    refused(graph.text(), graph, **{"fc.weight": weight})


def test_a_weight_that_makes_a_sum_overflow_is_refused() -> None:
    graph = chain(linear(weight_format=F(20, 4), bits=31), paths=("fc",))
    message = refused(graph.text(), graph, **{"fc.weight": np.full((3, 4), 2**19 - 1), "fc.bias": np.full(3, 2**45)})
    assert "fc" in message
    assert "overflow" in message


def test_a_bias_at_the_end_of_int64_is_refused() -> None:
    graph = chain(linear(), paths=("fc",))
    refused(graph.text(), graph, **{"fc.bias": np.array([-(2**63), 2**63 - 1, 0])})


@pytest.mark.parametrize("name", ["fc.weight", "fc.bias"])
def test_a_missing_array_is_named(name: str) -> None:
    graph = chain(linear(), paths=("fc",))
    arrays = arrays_of(graph)
    del arrays[name]
    with pytest.raises(CreatorError, match=f"the array {name} is missing"):
        parse_graph(graph.text(), arrays)


def test_the_line_that_is_not_understood_is_numbered() -> None:
    graph = chain(linear(), paths=("fc",))
    assert "line 3" in refused(graph.text().replace("fc = ", "fc := "), graph)

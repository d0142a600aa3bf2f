"""Names: legal, unique, and harmless, whatever modules are called; GHDL has the last word."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import creator
from creator import CreatorError, FixedPoint
from creator.graph import Graph
from creator.render.names import RESERVED, Names, is_legal, legal
from creator.render.values import Identifier
from tests.graph.chains import chain, linear, table

BASIC = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*")

HOSTILE = [
    "x; end entity; --",
    "a\nb",
    'a" & "b',
    "a\\b\\",
    "--",
    "",
    "é",
    "größe",
    "日本",
    "1st",
    "9",
    "_a_",
    "a__b",
    "A",
    "a",
    "a.cut",
    "a.core",
    "a.valid",
    "a.weights",
    "a.mac",
    "in",
    "out",
    "clock",
    "reset",
    "rtl",
    "work",
    "ieee",
    "std_logic",
    "std_logic_vector",
    "entity",
    "ENTITY",
    "signal",
    "in_valid",
    "out_data",
    "network",
    "network_top",
    "top",
    "ram",
    "stream_register",
    "{{ 7 * 7 }}",
    "{% include 'x' %}",
    "../../etc/passwd",
    "\0",
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_any_text_becomes_a_legal_name(text: str) -> None:
    name = legal(text)
    assert BASIC.fullmatch(name)
    assert name.lower() not in RESERVED
    assert legal(text) == name
    assert legal(name) == name
    assert str(Identifier(name)) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("fc1", "fc1"),
        ("encoder.fc", "encoder_fc"),
        ("0", "n_0"),
        ("a__b", "a_b"),
        ("_x_", "x"),
        ("in", "in_x"),
        ("Out", "Out_x"),
        ("", "n"),
        ("é", "n"),
        ("x; end entity; --", "x_end_entity"),
        ("clock", "clock"),
    ],
)
def test_legal_names_stay_close_to_the_text(text: str, name: str) -> None:
    assert legal(text) == name


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_reserved_words_are_no_names_in_any_case(word: str) -> None:
    for text in (word, word.upper(), word.capitalize()):
        assert not is_legal(text)
        assert is_legal(legal(text))


def test_the_reserved_words_are_those_of_vhdl() -> None:
    for word in ("abs", "xnor", "entity", "vunit", "protected", "view", "units", "label", "parameter", "context", "force"):
        assert word in RESERVED
    assert all(word == word.lower() and word.replace("_", "").isalpha() for word in RESERVED)


@pytest.mark.parametrize("text", ["", "1a", "a__b", "_a", "a_", "a-b", "a b", "a\n", "é", "a.b", "in", "\\a\\", "٣"])
def test_what_is_not_legal(text: str) -> None:
    assert not is_legal(text)


def test_names_are_unique_without_regard_to_case() -> None:
    names = Names(["Taken"])
    assert [str(names.unique(text)) for text in ("taken", "a", "A", "a", "a_2", "in", "IN")] == [
        "taken_2", "a", "A_2", "a_3", "a_2_2", "in_x", "IN_x_2",
    ]  # fmt: skip


def test_a_name_is_free_with_all_of_its_suffixes() -> None:
    names = Names(["a_valid"])
    assert str(names.unique("a", ("_valid", "_data"))) == "a_2"
    assert str(names.unique("a_2_data")) == "a_2_data_2"
    assert str(names.unique("a")) == "a"
    assert str(names.unique("b", ("_x", ""))) == "b"
    assert str(names.unique("B")) == "B_2"


def analysed(design: creator.Design, folder: Path) -> None:
    build = design.write(folder / "build")
    sources = [str(build / name) for name in [*design.manifest["sources"], "sim/file_bench.vhd"]]
    done = subprocess.run(["ghdl", "-a", "--std=08", *sources], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    top = [design.manifest["top"], design.manifest["bench"]]
    for unit in top:
        done = subprocess.run(["ghdl", "-e", "--std=08", unit], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def hostile_chain(names: list[str]) -> Graph:
    """Layers with those paths, tables and linear layers in turn, so that there are stream registers and ROMs as well."""
    ops = [linear(1, 1, seed=i) if i % 3 == 0 else table(FixedPoint(8, 4)) for i in range(len(names))]
    return chain(*ops, shape=(1,), paths=tuple(names))


def test_hostile_module_names_analyse_in_ghdl(tmp_path: Path) -> None:
    design = creator.translate(hostile_chain(HOSTILE))
    analysed(design, tmp_path)
    for path in design.files:
        assert re.fullmatch(r"(vhdl/|sim/)?[A-Za-z0-9_]+\.(vhd|json|txt|creator)", path)


@pytest.mark.parametrize("first", ["linear", "table"])
@pytest.mark.parametrize("names", [["a", "a_cut", "a_cut_valid"], ["a_cut", "a", "a_core"], ["in", "out", "in_x"]], ids=str)
def test_names_that_meet_after_suffixes(tmp_path: Path, names: list[str], first: str) -> None:
    ops = [table(FixedPoint(8, 4)) for _ in names] if first == "table" else [linear(1, 1, seed=i) for i in range(3)]
    analysed(creator.translate(chain(*ops, shape=(1,), paths=tuple(names))), tmp_path)


def test_node_names_that_the_graph_allows_but_vhdl_does_not(tmp_path: Path) -> None:
    text = chain(*(table(FixedPoint(8, 4)) for _ in range(5)), shape=(1,)).text()
    arrays = {}
    for index, name in enumerate(["signal", "__", "_x_", "SIGNAL", "a__b"]):
        text = re.sub(rf"\blayer_{index}\b", name, text)
        arrays[f"{name}.table"] = table(FixedPoint(8, 4)).table
    from creator.graph.text import parse_graph

    analysed(creator.translate(parse_graph(text, arrays)), tmp_path)


@pytest.mark.parametrize(
    "name",
    ["net", "creator", "clock", "reset", "rtl", "in_valid", "result", "network", "work", "ieee", "std", "std_logic",
     "std_logic_vector", "signed", "unsigned", "resize", "rising_edge", "network_top", "string", "natural"],
)  # fmt: skip
def test_a_prefix_either_analyses_or_is_refused(tmp_path: Path, name: str) -> None:
    graph = chain(linear(1, 1, rounding=creator.Rounding.HALF_UP), table(FixedPoint(8, 4)), table(), shape=(1,))
    try:
        design = creator.translate(graph, name=name)
    except CreatorError:
        return
    analysed(design, tmp_path)


@pytest.mark.parametrize(("prefix", "path"), [("std", "logic"), ("rising", "edge"), ("std", "logic_vector"), ("to", "integer")])
def test_prefix_and_module_path_together_hide_nothing(tmp_path: Path, prefix: str, path: str) -> None:
    graph = chain(linear(1, 1), table(FixedPoint(8, 4)), shape=(1,), paths=(path, "last"))
    try:
        design = creator.translate(graph, name=prefix)
    except CreatorError:
        return
    analysed(design, tmp_path)


@pytest.mark.parametrize("name", ["", "1x", "a b", "in", "a__b", "a;b", "../x", "a\n", "é", None, 3])
def test_a_prefix_that_is_no_identifier_is_refused(name: object) -> None:
    with pytest.raises(CreatorError, match=r"^translate: name=.* is not free as a VHDL identifier .hint"):
        creator.translate(chain(linear()), name=name)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["reg", "wire", "Module", "table", "logic", "work", "signed"])
def test_names_that_other_languages_reserve_are_refused(name: str) -> None:
    with pytest.raises(CreatorError, match="is not free as a VHDL identifier"):
        creator.translate(chain(linear()), name=name)

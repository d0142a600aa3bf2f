"""Files from strangers: graphs, builds and names that are made to do harm are refused, and nothing of theirs is run."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save as to_bytes

import creator
from creator import CreatorError
from creator.graph.text import arrays_of, parse_graph
from creator.ops import Clamp
from creator.render.fileset import MANIFEST
from tests.graph.chains import chain, linear, table

KEY = "creator-graph"
EVIL = "entity evil is end entity;\n"


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Records every program that would be started, and starts none."""
    started: list[list[str]] = []

    class Recorded(subprocess.Popen[str]):
        def __init__(self, command: list[str], *_: object, **__: object) -> None:
            started.append([str(word) for word in command])
            raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    monkeypatch.setattr("creator.simulation.job.find_ghdl", lambda: ("/usr/bin/ghdl", (2, 0)))
    return started


@pytest.fixture
def manifest(small_build: Path) -> Callable[..., Path]:
    """Changes entries of the manifest of a build; a function is applied to the old value."""

    def change(**entries: object) -> Path:
        path = small_build / MANIFEST
        found = json.loads(path.read_text())
        for name, value in entries.items():
            found[name] = value(found[name]) if callable(value) else value
        path.write_text(json.dumps(found))
        return small_build

    return change


USES: dict[str, Callable[[Path], object]] = {
    "simulate": lambda folder: creator.simulate(folder, bench="vhdl"),
    "synthesize": lambda folder: creator.synthesize(folder, "ecp5-25k"),
}
EACH_USE = pytest.mark.parametrize("use", USES)


def refused(use: str, folder: Path, programs: list[list[str]]) -> None:
    with pytest.raises(CreatorError) as info:
        USES[use](folder)
    assert "\n" not in str(info.value)
    assert programs == []


@EACH_USE
def test_an_honest_build_would_start_programs(small_build: Path, programs: list[list[str]], use: str) -> None:
    with pytest.raises((CreatorError, OSError)):
        USES[use](small_build)
    assert programs[0][:3] == ["/usr/bin/ghdl", "-a", "--std=08"]


@EACH_USE
@pytest.mark.parametrize(
    "place", ["../evil.vhd", "vhdl/../../evil.vhd", "absolute", "/etc/passwd", "../../../../../etc/passwd"]
)
def test_sources_outside_the_build_are_refused(
    manifest: Callable[..., Path], programs: list[list[str]], tmp_path: Path, place: str, use: str
) -> None:
    (tmp_path / "evil.vhd").write_text(EVIL)
    source = str(tmp_path / "evil.vhd") if place == "absolute" else place
    refused(use, manifest(sources=lambda old: [*old, source]), programs)


@EACH_USE
def test_a_source_that_is_a_link_out_of_the_build_is_refused(
    small_build: Path, programs: list[list[str]], tmp_path: Path, use: str
) -> None:
    (tmp_path / "evil.vhd").write_text(EVIL)
    (small_build / "vhdl" / "network.vhd").unlink()
    (small_build / "vhdl" / "network.vhd").symlink_to(tmp_path / "evil.vhd")
    refused(use, small_build, programs)


BAD_NAMES = [
    "",
    "-r",
    "--version",
    "a;b",
    "a b",
    "a\nb",
    "../x",
    "$(x)",
    "a'b",
    "a\\b",
    "été",
    "a\n!touch /tmp/x",
    None,
    5,
    ["a"],
]


@EACH_USE
@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
@pytest.mark.parametrize("entry", ["top", "bench"])
def test_tops_that_are_no_names_are_refused(
    manifest: Callable[..., Path], programs: list[list[str]], entry: str, name: object, use: str
) -> None:
    refused(use, manifest(**{entry: name}), programs)


@pytest.mark.parametrize(
    "roms",
    [["x/m:*\nexec -- touch pwned\n#"], ["x\n!touch pwned"], ["*"], ["a b"], [""], [5], "rom", 5, None, {"a": 1}],
    ids=ascii,
)
def test_memory_names_that_could_be_commands_of_yosys_are_refused(
    manifest: Callable[..., Path], programs: list[list[str]], roms: object
) -> None:
    refused("synthesize", manifest(block_roms=roms), programs)


WRONG_KINDS = [
    {"input": 3},
    {"input": {}},
    {"input": {"beat_bits": "x"}},
    {"input": {"beat_bits": -8}},
    {"input": {"beat_bits": 8000}},
    {"output": None},
    {"interval": "x"},
    {"interval": 0},
    {"interval": [1]},
    {"latency": None},
    {"latency": -1},
    {"layers": 5},
    {"layers": [{}]},
    {"sha256": []},
    {"sources": "vhdl"},
    {"sources": [5]},
    {"sources": []},
    {"sources": {"a": 1}},
    {"version": 99},
]


@EACH_USE
@pytest.mark.parametrize("entries", WRONG_KINDS, ids=str)
def test_manifests_with_values_of_the_wrong_kind_are_refused(
    manifest: Callable[..., Path], programs: list[list[str]], entries: dict[str, object], use: str
) -> None:
    refused(use, manifest(**entries), programs)


@EACH_USE
@pytest.mark.parametrize("entry", ["kind", "top", "bench", "input", "output", "interval", "latency", "layers", "sources"])
def test_manifests_without_an_entry_are_refused(small_build: Path, programs: list[list[str]], entry: str, use: str) -> None:
    path = small_build / MANIFEST
    found = json.loads(path.read_text())
    del found[entry]
    path.write_text(json.dumps(found))
    refused(use, small_build, programs)


@EACH_USE
@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100000, '{"a":' * 100000, "null", "[]", "\ufeff{}", '{"kind": "creator build"}']
)
def test_manifests_that_are_no_manifests_are_refused(small_build: Path, programs: list[list[str]], text: str, use: str) -> None:
    (small_build / MANIFEST).write_text(text)
    refused(use, small_build, programs)


def test_a_deeply_nested_manifest_in_the_output_folder_is_refused(small_graph: creator.Graph, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / MANIFEST).write_text("[" * 100000)
    with pytest.raises(CreatorError, match="not overwritten"):
        creator.translate(small_graph).write(tmp_path / "out")


@EACH_USE
@pytest.mark.parametrize("content", [b"", b"\xff" * 100, to_bytes({}, {KEY: "creator-graph 1\n"}), to_bytes({}, None)])
def test_a_build_with_a_damaged_graph_is_refused_by_simulation(
    small_build: Path, programs: list[list[str]], content: bytes, use: str
) -> None:
    (small_build / "graph.creator").write_bytes(content)
    if use != "synthesize":
        refused(use, small_build, programs)


def test_vhdl_that_does_not_compile_is_named(small_build: Path) -> None:
    (small_build / "vhdl" / "network.vhd").write_text("entity network is\nport (;\n")
    with pytest.raises(CreatorError, match=r"network\.vhd:2"):
        creator.simulate(small_build, bench="vhdl")


# Graph files.


def from_text(path: Path, text: str, **arrays: np.ndarray) -> Path:
    path.write_bytes(to_bytes(arrays, {KEY: text}))
    return path


@pytest.mark.parametrize("name", ["../../etc/cron", "/etc/x", "a/b", "a\\b", "con:", "a;b", "a b", "..", "{{x}}", "x'x"])
def test_node_names_that_look_like_paths_or_code_are_refused(tmp_path: Path, name: str) -> None:
    text = f"creator-graph 1\ninput input : fixed<8,4>[4]\n{name} = clamp(input) low=0 high=1 : fixed<8,4>[4]\nreturn input\n"
    with pytest.raises(CreatorError):
        creator.load(from_text(tmp_path / "g", text))


@pytest.mark.parametrize("shape", ["1000000000000", "99999999999999999999", "65536,65536,65536", ",".join(["2"] * 200)])
def test_huge_shapes_cost_no_memory_and_are_refused_at_the_latest_when_they_are_used(tmp_path: Path, shape: str) -> None:
    text = (
        f"creator-graph 1\ninput input : fixed<8,4>[{shape}]\nc = clamp(input) low=0 high=1 : fixed<8,4>[{shape}]\nreturn c\n"
    )
    path = from_text(tmp_path / "g", text)
    begun = time.monotonic()
    with pytest.raises(CreatorError):
        creator.simulate(creator.translate(creator.load(path)).write(tmp_path / "b"), bench="vhdl")
    assert time.monotonic() - begun < 5


def header(text: str, claimed: int | None = None) -> bytes:
    encoded = text.encode()
    return (len(encoded) if claimed is None else claimed).to_bytes(8, "little") + encoded


@pytest.mark.parametrize(
    "content",
    [
        header(json.dumps({name: {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]} for name in "ab"})) + bytes(8),
        header("{}", 2**63 - 1),
        header("{}", 2**40),
        header('{"a":{"dtype":"I64","shape":[1152921504606846976],"data_offsets":[0,8]}}') + bytes(8),
        header('{"a":{"dtype":"I64","shape":[0,9223372036854775807],"data_offsets":[0,0]}}'),
        header('{"a":{"dtype":"I64","shape":[4294967296,4294967296],"data_offsets":[0,0]}}'),
        header('{"a":{"dtype":"I64","shape":[1],"data_offsets":[8,0]}}') + bytes(8),
        header('{"a":{"dtype":"I64","shape":[-1],"data_offsets":[0,8]}}') + bytes(8),
        header("[" * 100000),
        header('{"__metadata__":{"creator-graph":5}}'),
        header('{"__metadata__":5}'),
        header("\0" * 1000),
    ],
    ids=range(12),
)  # fmt: skip
def test_headers_that_claim_too_much_are_refused_quickly(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "g").write_bytes(content)
    begun = time.monotonic()
    with pytest.raises(CreatorError) as info:
        creator.load(tmp_path / "g")
    assert "\n" not in str(info.value)
    assert time.monotonic() - begun < 2


def test_a_long_line_is_parsed_in_linear_time(tmp_path: Path) -> None:
    for filler in (' "' * 30000, " a=b" * 30000, "\\" * 60000, ' "x"' * 30000 + "!"):
        text = f"creator-graph 1\ninput input : fixed<8,4>[4]\nc = clamp(input){filler}\nreturn c\n"
        begun = time.monotonic()
        with pytest.raises(CreatorError):
            creator.load(from_text(tmp_path / "g", text))
        assert time.monotonic() - begun < 2


def test_an_input_name_of_a_graph_is_checked() -> None:
    text = "creator-graph 1\ninput été : fixed<8,4>[4]\nc = clamp(été) low=0 high=1 : fixed<8,4>[4]\nreturn c\n"
    try:
        design = creator.translate(parse_graph(text, {}))
    except CreatorError:
        return
    assert all(design.files[path].isascii() for path in design.files if path.endswith(".vhd"))


# Module paths.

INJECTIONS = [
    "{{ 7 * 7 }}",
    "{{ self.__init__.__globals__ }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}x{% endfor %}",
    "{# gone #}",
    "x\nend entity; --",
    "x\r\nend entity;",
    "x\u2028end entity;",
    '"; end architecture; --',
    "-- x",
    "\\x\\",
    "\0",
    "é",
]


@pytest.mark.parametrize("path", INJECTIONS, ids=ascii)
def test_module_paths_stay_inside_comments(path: str) -> None:
    plain = creator.translate(chain(linear(), table(), Clamp(0, 5), paths=("p", "p", "p")))
    hostile = creator.translate(chain(linear(), table(), Clamp(0, 5), paths=(path,) * 3))
    assert len(hostile.files) == len(plain.files)
    sources = zip(plain.manifest["sources"], hostile.manifest["sources"], strict=True)
    for expected, got in sources:
        texts = [design.files[name].decode() for design, name in ((plain, expected), (hostile, got))]
        codes = [re.sub(r"\s+", " ", re.sub(r"\b\w+\b", "w", re.sub(r"--.*", "", text))) for text in texts]
        assert codes[0] == codes[1]
        assert len(texts[0].splitlines()) == len(texts[1].splitlines())
    shown = "".join(character if " " <= character <= "~" else "?" for character in path)
    assert any(shown[:57] in hostile.files[name].decode() for name in hostile.manifest["sources"])
    assert all(layer["from"] == [path] for layer in hostile.manifest["layers"][:1])


@pytest.mark.parametrize("path", ["\ud800", "\udfff" * 3], ids=ascii)
def test_module_paths_that_are_no_text_are_refused_or_translated(path: str, tmp_path: Path) -> None:
    graph = chain(linear(), paths=(path,))
    graph.save(tmp_path / "g")
    try:
        creator.translate(creator.load(tmp_path / "g")).write(tmp_path / "b")
    except CreatorError as error:
        str(error).encode()


def test_loading_a_graph_imports_and_creates_nothing(tmp_path: Path) -> None:
    graph = chain(linear(), paths=("fc",))
    text = graph.text().replace("linear(", "os.system(")
    with pytest.raises(CreatorError):
        parse_graph(text, arrays_of(graph))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [None, 3, "a\0b", ["x"]], ids=repr)
def test_what_is_no_path_is_refused_everywhere(value: object, tmp_path: Path) -> None:
    graph = chain(linear())
    calls = [
        lambda: creator.load(value),
        lambda: graph.save(value),
        lambda: creator.translate(graph).write(value),
        lambda: creator.simulate(value),
        lambda: creator.synthesize(value),
    ]
    for call in calls:
        with pytest.raises(CreatorError, match="expected a path, got"):
            call()


def test_a_design_in_place_of_its_folder_is_refused_with_the_way_out() -> None:
    with pytest.raises(CreatorError, match=r"design.write\(folder\)"):
        creator.simulate(creator.translate(chain(linear())))

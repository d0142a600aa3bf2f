"""Names that are no identifiers: refused in one line, or made into distinct names that every tool takes."""

from __future__ import annotations

import json
import re
import subprocess
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

import creator
from creator import FixedPoint, nn
from creator.graph import Graph
from creator.render.design import LIBRARY
from creator.render.names import PREDEFINED, RESERVED, VERILOG
from creator.tools import find_tool, run_tool
from tests.bad_inputs.command import call, check_refused
from tests.bad_inputs.identifiers import CASES, NAMES
from tests.export.tcl import VIVADO, run_tcl
from tests.graph.chains import chain, linear, table

F = FixedPoint
PLAIN = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*")
EACH = pytest.mark.parametrize("name", NAMES, ids=CASES)


def test_there_are_enough_and_none_twice() -> None:
    assert len(NAMES) >= 120
    assert len(set(NAMES)) == len(NAMES) == len(set(CASES))


@EACH
def test_as_the_name_of_a_network(
    name: str, tmp_path: Path, desk: Path, capfd: pytest.CaptureFixture[str], record_property
) -> None:
    """Refused, or the design has legal names, all different without regard to case, that begin with it, and GHDL takes it."""
    chain(linear(1, 1), table(F(8, 4)), shape=(1,)).save("one.creator")
    line = ["translate", "one.creator", "-o", "b", "--quiet", "--name", name]
    forbidden = RESERVED | VERILOG | PREDEFINED
    taken = not PLAIN.fullmatch(name) or name.lower() in forbidden
    if taken or len(name) > 32:
        what = "is not free as a VHDL identifier" if taken else "has more than 32 characters"
        check_refused(line, [] if name.startswith("-") else [what], tmp_path, capfd)
    else:
        assert call(*line) == 0
        entities = [Path(source).stem for source in json.loads(Path("b/manifest.json").read_text())["sources"]]
        check_names(entities)
        own = [entity for entity in entities if entity not in LIBRARY]
        assert all(entity.startswith(name) for entity in own)
        assert f"{name}_top" in own
        analyse(desk / "b")
    record_property("bad inputs: identifiers", 1)


def check_names(names: list[str]) -> None:
    assert all(PLAIN.fullmatch(name) and name.lower() not in RESERVED | VERILOG | PREDEFINED for name in names), names
    assert len({name.lower() for name in names}) == len(names)


def analyse(build: Path) -> list[str]:
    """Compiles a build; returns the names of all entities that it declares."""
    sources = [str(build / source) for source in json.loads((build / "manifest.json").read_text())["sources"]]
    (build.parent / "work").mkdir()
    done = subprocess.run(
        ["ghdl", "-a", "--std=08", *sources], cwd=build.parent / "work", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [found for source in sources for found in re.findall(r"^entity (\w+) is", Path(source).read_text(), re.MULTILINE)]


@EACH
def test_as_the_factory_of_a_model(
    name: str, tmp_path: Path, desk: Path, capfd: pytest.CaptureFixture[str], record_property
) -> None:
    Path("model.py").write_text("constant = 4\n")
    check_refused(["translate", f"model.py:{name}", "-o", "b", "--input-shape", "4"], ["model.py"], tmp_path, capfd)
    record_property("bad inputs: identifiers", 1)


@EACH
def test_as_the_name_of_a_node_in_a_saved_graph(
    name: str, tmp_path: Path, desk: Path, capfd: pytest.CaptureFixture[str], record_property
) -> None:
    """What the graph's text allows has to be translated; all else is refused."""
    from safetensors.numpy import save as to_bytes

    text = f"creator-graph 1\ninput input : fixed<8,4>[2]\n{name} = clamp(input) low=0 high=9 : fixed<8,4>[2]\nreturn {name}\n"
    Path("n.creator").write_bytes(to_bytes({}, {"creator-graph": text.encode(errors="replace").decode()}))
    line = ["translate", "n.creator", "-o", "b", "--quiet"]
    if not (name.isascii() and name.isidentifier()):
        check_refused(line, ["n.creator"], tmp_path, capfd)
    else:
        assert call(*line) == 0
        check_names([Path(source).stem for source in json.loads(Path("b/manifest.json").read_text())["sources"]])
    record_property("bad inputs: identifiers", 1)


def with_paths(names: list[str]) -> Graph:
    """A chain with those module paths: clamps, a linear layer and a table in turn, so that there are parts and ROMs too."""
    ops = [linear(1, 1, seed=i) if i % 9 == 0 else table(F(8, 4)) if i % 9 == 1 else creator.ops.Clamp(-100, 99 - i % 7)
           for i in range(len(names))]  # fmt: skip
    return chain(*ops, shape=(1,), paths=tuple(names))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build of one network with a layer of every one of the names."""
    folder = tmp_path_factory.mktemp("hostile")
    with_paths(NAMES).save(folder / "g.creator")
    assert call("translate", str(folder / "g.creator"), "-o", str(folder / "b"), "--quiet") == 0
    return folder / "b"


def test_as_the_names_of_all_layers_of_one_network(hostile: Path, record_property) -> None:
    """Every layer has a core of its own name; GHDL compiles and simulates it, and every output is as it should be."""
    manifest = json.loads((hostile / "manifest.json").read_text())
    assert len(manifest["layers"]) == len(NAMES)
    check_names(analyse(hostile))
    check_names([f"{layer['signal']}_valid" for layer in manifest["layers"]])
    assert call("simulate", str(hostile), "--bench", "vhdl", "--quiet") == 0
    record_property("bad inputs: identifiers", len(NAMES))


def test_as_the_names_of_torch_modules(tmp_path: Path, record_property) -> None:
    """As far as torch takes them, through the tracer, into VHDL that simulates bit for bit."""
    layers: OrderedDict[str, torch.nn.Module] = OrderedDict(entry=nn.Quantize(F(8, 4)))
    taken = torch.nn.Sequential()
    for index, name in enumerate(name for name in NAMES if name and "." not in name and not hasattr(taken, name)):
        layers[name] = nn.Quantize(F(8, 3 + index % 2))
    assert len(layers) > 180
    graph = creator.trace(torch.nn.Sequential(layers).eval(), 2)
    assert len(graph.nodes) >= len(layers) - 1
    run = creator.simulate(creator.translate(graph).write(tmp_path / "b"), bench="vhdl")
    assert run.passed
    record_property("bad inputs: identifiers", len(layers) - 1)


@pytest.mark.parametrize("tool", ["vivado", "quartus", "fusesoc"])
def test_in_an_exported_project(hostile: Path, tmp_path: Path, tool: str) -> None:
    """The scripts name the files and the top, and run in Tcl without one command more than those of the tool."""
    assert call("export", str(hostile), "--tool", tool, "-o", str(tmp_path / "p")) == 0
    manifest = json.loads((hostile / "manifest.json").read_text())
    script = (tmp_path / "p" / f"{manifest['top']}.{'core' if tool == 'fusesoc' else 'tcl'}").read_text()
    assert all(script.count(source) == 1 for source in manifest["sources"])
    assert script.isascii()
    if tool == "vivado":
        calls = run_tcl(tmp_path / "p", f"{manifest['top']}.tcl", VIVADO)
        assert sum(call[0] == "read_vhdl" for call in calls) == len(manifest["sources"])
    assert not list(tmp_path.rglob("pwned"))


def test_in_the_verilog_of_synthesis(hostile: Path, tmp_path: Path) -> None:
    """GHDL writes the names as they are into Verilog; Yosys reads it."""
    manifest = json.loads((hostile / "manifest.json").read_text())
    sources = [str(hostile / source) for source in manifest["sources"]]
    assert run_tool(["ghdl", "-a", "--std=08", *sources], tmp_path)[0] == 0
    status, notes = run_tool(
        ["ghdl", "--synth", "--std=08", "--out=verilog", manifest["top"]], tmp_path, output=tmp_path / "n.v"
    )
    assert status == 0, notes
    modules = re.findall(r"^module (\S+)", (tmp_path / "n.v").read_text(), re.MULTILINE)
    assert len(modules) > len(NAMES)
    check_names([re.sub(r"__+", "_", module.strip("\\")).strip("_") for module in modules])
    script = f"read_verilog n.v; hierarchy -check -top {manifest['top']}"
    status, text = run_tool([find_tool("yosys"), "-q", "-p", script], tmp_path)
    assert status == 0, text

"""The command line: exit status, one line for a refusal, results that read well and that parse."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import creator
from creator import cli
from tests.conftest import small_model

MODEL = """\
import torch
from creator import FixedPoint, nn


def make():
    torch.manual_seed(99)
    return torch.nn.Sequential(
        nn.Quantize(FixedPoint(8, 4)),
        nn.Linear(6, 5, weight=FixedPoint(6, 4), output=FixedPoint(8, 4)),
        nn.ReLU(),
        nn.Linear(5, 4, weight=FixedPoint(6, 4), output=FixedPoint(6, 3)),
        nn.Tanh(FixedPoint(7, 6)),
    )


def fails():
    raise RuntimeError("two\\nlines")


def leaves():
    raise SystemExit(0)


def number():
    return 3


def unsupported():
    return torch.nn.Sequential(nn.Quantize(FixedPoint(8, 4)), torch.nn.GELU())


def takes(argument):
    return make()


constant = 4
"""


@pytest.fixture
def desk(tmp_path: Path, small_graph: creator.Graph, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a saved graph, a model file, weights, and good and bad arrays."""
    monkeypatch.chdir(tmp_path)
    small_graph.save("g.creator")
    Path("model.py").write_text(MODEL)
    Path("syntax.py").write_text("def make(:\n")
    Path("exits.py").write_text("raise SystemExit(0)\n")
    save_file(small_model().state_dict(), "w.safetensors")
    save_file({"1.weight": torch.zeros(2, 2)}, "other.safetensors")
    Path("broken.safetensors").write_bytes(Path("w.safetensors").read_bytes()[:-9])
    x = np.zeros((2, 6), np.int64)
    for name, array in {"x": x, "float": x * 1.0, "wide": x + 128, "shape": x[:, :5], "none": x[:0], "bool": x > 0}.items():
        np.save(f"{name}.npy", array)
    np.save("pickled.npy", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    with open("zip.npy", "wb") as file:
        np.savez(file, x=x)
    Path("cut.npy").write_bytes(Path("x.npy").read_bytes()[:-1])
    Path("empty.npy").write_bytes(b"")
    Path("text.npy").write_text("1 2 3\n")
    Path("pk.npy").write_bytes(b"PK\x03\x04 and no more")
    header = b"{'descr': '<i8', 'fortran_order': False, 'shape': (10000000000000, 6), }\n"
    Path("huge.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    Path("thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("precious")
    return tmp_path


def state(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1"} | variables
    command = [sys.executable, "-m", "creator.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def call(*arguments: str) -> int:
    """The same in this process."""
    try:
        return cli.main(arguments)
    except SystemExit as end:
        return int(end.code or 0)


def check_refusal(out: str, err: str, *words: str) -> None:
    assert out == ""
    assert err.endswith("\n")
    assert len(err.splitlines()) == 1, err
    assert re.match(r"creator( \w+)?: ", err)
    assert "Traceback" not in err
    for word in words:
        assert word in err


REFUSED = [
    ("translate nowhere.creator -o b", "no such file"),
    ("translate thesis -o b", "no such file"),
    ("translate x.npy -o b", "cannot be read as a saved graph"),
    ("translate w.safetensors -o b", "not a saved graph"),
    ("translate g.creator -o thesis", "choose another output folder"),
    ("translate g.creator -o g.creator", "is not a folder"),
    ("translate g.creator -o g.creator/b", "cannot be written"),
    ("translate g.creator -o b --parallelism full", "parallelism='full' is unknown"),
    ("translate g.creator -o b --name 1x", "is not free as a VHDL identifier"),
    ("translate g.creator -o b --name entity", "is not free as a VHDL identifier"),
    ("translate g.creator -o b --weights w.safetensors", "leave out --weights"),
    ("translate g.creator -o b --input-shape 6", "leave out --weights and --input-shape"),
    ("translate g.creator:make -o b", "no such file"),
    ("translate model.py -o b", "write model.py:NAME"),
    ("translate model.py:make -o b", "--input-shape"),
    ("translate nowhere.py:make -o b --input-shape 6", "no such file"),
    ("translate model.py:make -o b --input-shape 0", "is not a shape"),
    ("translate model.py:make -o b --input-shape 6,", "is not a shape"),
    ("translate model.py:make -o b --input-shape x", "is not a shape"),
    ("translate model.py:make -o b --input-shape 6 --weights nowhere", "no such file"),
    ("simulate nowhere", "no such folder"),
    ("simulate thesis", "is not a creator build"),
    ("simulate g.creator", "no such folder"),
    ("simulate thesis --bench verilator", "invalid choice"),
    ("simulate thesis --inputs nowhere.npy", "there is no such file"),
    ("simulate thesis --inputs thesis", "there is no such file"),
    ("simulate thesis --inputs cut.npy", "cannot be read as a .npy file"),
    ("simulate thesis --inputs empty.npy", "cannot be read as a .npy file"),
    ("simulate thesis --inputs text.npy", "cannot be read as a .npy file"),
    ("simulate thesis --inputs pk.npy", "pk.npy"),
    ("simulate thesis --inputs huge.npy", "huge.npy"),
    ("simulate thesis --inputs pickled.npy", "cannot be read as a .npy file"),
    ("simulate thesis --inputs w.safetensors", "cannot be read as a .npy file"),
    ("verify nowhere", "no such folder"),
    ("verify thesis", "is not a creator build"),
    ("verify thesis --graph nowhere", "no such file"),
    ("verify", "required"),
    ("synthesize nowhere", "no such folder"),
    ("synthesize thesis", "is not a creator build"),
    ("synthesize thesis --target virtex", "choose one of ecp5-25k"),
    ("synthesize thesis --require-mhz fast", "invalid float value"),
    ("export nowhere --tool vivado -o p", "no such folder"),
    ("export thesis --tool vivado -o p", "is not a creator build"),
    ("export thesis --tool ise -o p", "choose one of vivado, quartus, fusesoc"),
    ("export thesis --tool vivado -o p --part 7", "'7' is not a part for vivado"),
    ("export thesis --tool vivado -o p --clock-mhz nan", "nan is not a clock frequency"),
    ("export thesis --tool vivado -o p --clock-mhz fast", "invalid float value"),
    ("export thesis -o p", "required"),
    ("", "COMMAND"),
    ("launch", "invalid choice"),
    ("translate", "required"),
    ("translate g.creator", "required"),
    ("simulate", "required"),
    ("doctor now", "unrecognized arguments"),
    ("translate g.creator -o b --colour", "unrecognized arguments"),
]


@pytest.mark.parametrize(("line", "words"), REFUSED, ids=[line for line, _ in REFUSED])
def test_bad_input_is_refused_in_one_line(desk: Path, capfd: pytest.CaptureFixture[str], line: str, words: str) -> None:
    before = state(desk)
    begun = time.monotonic()
    assert call(*line.split()) == 2
    assert time.monotonic() - begun < 5
    check_refusal(*capfd.readouterr(), words)
    assert state(desk) == before


FROM_MODEL = [
    ("translate model.py:nothing -o b --input-shape 6", "has no function 'nothing'"),
    ("translate model.py:constant -o b --input-shape 6", "has no function 'constant'"),
    ("translate model.py:number -o b --input-shape 6", "number returned int, not a torch.nn.Module"),
    ("translate model.py:fails -o b --input-shape 6", "fails fails: RuntimeError: two lines"),
    ("translate model.py:takes -o b --input-shape 6", "takes fails: TypeError"),
    ("translate model.py:leaves -o b --input-shape 6", "model.py"),
    ("translate exits.py:make -o b --input-shape 6", "exits.py"),
    ("translate syntax.py:make -o b --input-shape 6", "SyntaxError"),
    ("translate model.py:unsupported -o b --input-shape 6", "1: GELU is not supported"),
    ("translate model.py:make -o b --input-shape 7", "1: takes 6 inputs, but gets shape (7,)"),
    ("translate model.py:make -o b --input-shape 99999999999999", ""),
    ("translate model.py:make -o b --input-shape 6 --weights other.safetensors", "does not fit the model"),
    ("translate model.py:make -o b --input-shape 6 --weights broken.safetensors", "cannot be read as safetensors"),
    ("translate model.py:make -o b --input-shape 6 --weights model.py", "cannot be read as safetensors"),
    ("translate model.py:make -o b --input-shape 6 --name in", "is not free as a VHDL identifier"),
]


@pytest.mark.parametrize(("line", "words"), FROM_MODEL, ids=[line for line, _ in FROM_MODEL])
def test_bad_models_are_refused_in_one_line(desk: Path, capfd: pytest.CaptureFixture[str], line: str, words: str) -> None:
    before = state(desk)
    assert call(*line.split()) == 2
    check_refusal(*capfd.readouterr(), words)
    assert state(desk) == before


@pytest.mark.parametrize("arguments", [("translate", "a" * 5000, "-o", "b"), ("translate", "g.creator", "-o", "a" * 5000)])
def test_paths_that_are_too_long_are_refused(desk: Path, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    assert call(*arguments) == 2
    check_refusal(*capfd.readouterr())


def test_an_argument_with_a_newline_is_refused_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert call("doctor", "two\nlines") == 2
    check_refusal(*capfd.readouterr(), "unrecognized arguments")


@pytest.fixture
def built(desk: Path) -> Path:
    assert call("translate", "g.creator", "-o", "b", "--quiet") == 0
    return desk


VECTORS = [
    ("float", "expected integer codes"),
    ("wide", "code 128 is outside fixed<8,4>"),
    ("shape", "expected shape (batch, 6), got (2, 5)"),
    ("none", "there are no vectors"),
    ("bool", "dtype bool"),
    ("zip", ""),
]


@pytest.mark.parametrize(("name", "words"), VECTORS)
def test_vectors_that_do_not_fit_are_refused(built: Path, capfd: pytest.CaptureFixture[str], name: str, words: str) -> None:
    capfd.readouterr()
    assert call("simulate", "b", "--inputs", f"{name}.npy") == 2
    check_refusal(*capfd.readouterr(), words)


def test_results_are_refused_where_they_cannot_be_written(built: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    for option in ("--outputs", "--waves"):
        assert call("simulate", "b", "--bench", "vhdl", "--quiet", option, "nowhere/y") == 2
        check_refusal(*capfd.readouterr(), "nowhere")
    assert call("synthesize", "b", "--quiet", "--bitstream", "nowhere/x.bit") == 2
    check_refusal(*capfd.readouterr(), "nowhere")
    assert call("synthesize", "b", "--quiet", "--target", "xc7", "--bitstream", "x.bit") == 2
    check_refusal(*capfd.readouterr(), "no bitstream for xc7")


def test_translate_a_saved_graph(desk: Path, capfd: pytest.CaptureFixture[str], small_graph: creator.Graph) -> None:
    assert call("translate", "g.creator", "-o", "b", "--name", "digits") == 0
    out, err = capfd.readouterr()
    design = creator.translate(small_graph, name="digits")
    assert out.startswith(design.estimate.text())
    assert f"{len(design.files)} files in b; next: creator simulate b" in out
    assert len(err.splitlines()) == 1
    assert json.loads(Path("b/manifest.json").read_text()) == design.manifest
    assert [path.name for path in desk.iterdir() if path.name.startswith(".")] == []


def test_translate_a_model_file_with_weights(desk: Path, capfd: pytest.CaptureFixture[str], small_graph: creator.Graph) -> None:
    line = ["translate", "model.py:make", "--weights", "w.safetensors", "--input-shape", "6", "-o", "b", "--json", "--quiet"]
    assert call(*line) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert json.loads(out) == creator.translate(small_graph).manifest
    assert creator.load("b/graph.creator").text() == small_graph.text()
    assert call(*[word for word in line if word not in ("--weights", "w.safetensors")]) == 0
    assert json.loads(capfd.readouterr().out)["sha256"]["graph.creator"] != json.loads(out)["sha256"]["graph.creator"]


def test_simulate_from_vectors_to_outputs(built: Path, capfd: pytest.CaptureFixture[str], small_graph: creator.Graph) -> None:
    capfd.readouterr()
    x = np.random.default_rng(5).integers(-128, 128, (9, 6))
    np.save("in.npy", x)
    line = ["simulate", "b", "--inputs", "in.npy", "--bench", "vhdl", "--outputs", "y.npy"]
    assert call(*line, "--json", "--quiet") == 0
    out, err = capfd.readouterr()
    assert err == ""
    found = json.loads(out)
    assert (found["samples"], found["compared"], found["mismatches"], found["bench"]) == (9, 36, 0, "vhdl")
    assert np.array_equal(np.load("y.npy"), small_graph.run(x))
    assert call(*line, "--stalls", "3") == 0
    out, err = capfd.readouterr()
    assert out.splitlines()[0] == "bit-exact"
    assert "not measured with stalls" in out
    assert len(err.splitlines()) == 1


def test_a_mismatch_exits_with_1(built: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = Path("b/vhdl/network_top.vhd")
    text = path.read_text()
    old = "m_axis_tdata(6 downto 0) <= result;"
    assert old in text
    path.write_text(text.replace(old, "m_axis_tdata(6 downto 0) <= result(6 downto 1) & not result(0);"))
    capfd.readouterr()
    assert call("simulate", "b", "--bench", "vhdl", "--quiet") == 1
    out, err = capfd.readouterr()
    assert err == ""
    assert out.splitlines()[0] == "NOT bit-exact"
    assert "first mismatch" in out
    assert "vhdl/network_top.vhd" in out


def test_doctor(capfd: pytest.CaptureFixture[str]) -> None:
    assert call("doctor", "--json") == 0
    found = json.loads(capfd.readouterr().out)
    assert {"python", "ghdl", "numpy", "torch", "yosys"} <= set(found)
    assert call("doctor") == 0
    assert "ghdl" in capfd.readouterr().out


@pytest.mark.parametrize("command", ["", "translate", "simulate", "verify", "synthesize", "export", "doctor"])
def test_help_has_an_example_that_parses(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(*command.split(), "--help") == 0
    out, err = capfd.readouterr()
    assert err == ""
    examples = re.findall(r"^  creator (.+)$", out.split("example", 1)[1], re.MULTILINE)
    assert examples
    for example in examples:
        assert cli._parser().parse_args(example.split()).command == (command or example.split()[0])


def test_version(capfd: pytest.CaptureFixture[str]) -> None:
    assert call("--version") == 0
    assert capfd.readouterr().out == f"creator {creator.__version__}\n"


# A process of its own, as a user starts it.


def test_a_refusal_in_a_fresh_process_is_quick(desk: Path) -> None:
    begun = time.monotonic()
    done = run("translate", "nowhere.creator", "-o", "b")
    assert time.monotonic() - begun < 5
    assert done.returncode == 2
    check_refusal(done.stdout, done.stderr, "no such file")


def fake_ghdl(folder: Path, script: str) -> str:
    folder.mkdir()
    program = folder / "ghdl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(folder)


@pytest.mark.parametrize("bench", ["cocotb", "vhdl"])
def test_a_missing_ghdl_is_refused(built: Path, bench: str) -> None:
    (built / "bin").mkdir()
    done = run("simulate", "b", "--bench", bench, PATH=str(built / "bin"))
    assert done.returncode == 2
    check_refusal(done.stdout, done.stderr, "GHDL is not installed", "apt-get install ghdl")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo GHDL 1.0", "GHDL 1.0 is too old, 2.0 is needed"),
        ("echo hello", "does not say its version"),
        ("exit 1", "version"),
    ],
)
def test_another_ghdl_is_refused(built: Path, script: str, words: str) -> None:
    done = run("simulate", "b", PATH=fake_ghdl(built / "bin", script))
    assert done.returncode == 2
    check_refusal(done.stdout, done.stderr, words)


def test_doctor_without_tools_exits_with_1_and_says_what_is_missing(built: Path) -> None:
    (built / "bin").mkdir()
    done = run("doctor", PATH=str(built / "bin"))
    assert done.returncode == 1
    assert re.search(r"ghdl +MISSING.*apt-get install ghdl", done.stdout)


def test_the_installed_command_is_this_one() -> None:
    script = shutil.which("creator", path=str(Path(sys.executable).parent))
    assert script is not None
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"creator {creator.__version__}\n"

"""Contents of ROMs in files: the same words at the same addresses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import creator
from creator import FixedPoint
from creator.build_folder import BuildFolder
from creator.simulation.job import STANDARD, compile_design
from creator.synthesis.rom_files import with_rom_files
from creator.synthesis.synthesize import with_wide_constants
from creator.tools import find_tool, run_tool
from tests.graph.chains import chain, linear


def rom(words: list[str], declaration: str = "reg [2:0] n1[3:0] ; // memory") -> str:
    assignments = "".join(f"    n1[{place}] = {word};\n" for place, word in enumerate(words))
    head = f"module store\n  (input a);\n  {declaration}\n"
    return f"{head}  initial begin\n{assignments}    end\n  always @(posedge a)\nendmodule\n"


def test_words_are_written_from_address_zero() -> None:
    text, files = with_rom_files(rom(["3'b001", "3'b010", "3'b111", "3'b100"]))
    assert files == {"store.mem": "001\n010\n111\n100\n"}
    assert text == (
        "module store\n  (input a);\n  reg [2:0] n1[3:0] ; // memory\n"
        '  initial $readmemb("store.mem", n1, 0, 3);\n  always @(posedge a)\nendmodule\n'
    )


def test_the_order_of_the_assignments_does_not_matter_and_files_have_names_of_their_own() -> None:
    one = rom(["3'b001", "3'b010", "3'b111", "3'b100"])
    lines = one.splitlines(keepends=True)
    turned = "".join(lines[:4] + lines[7:3:-1] + lines[8:])
    second = one.replace("n1", "n2").replace("module store\n  (input a);\n", "").replace("001", "000")
    text, files = with_rom_files(turned.replace("endmodule\n", second) + one.replace("store", "other"))
    assert files == {
        "store.mem": "001\n010\n111\n100\n",
        "store.1.mem": "000\n010\n111\n100\n",
        "other.mem": "001\n010\n111\n100\n",
    }
    assert "initial begin" not in text


INCOMPLETE = {
    "a word is missing": rom(["3'b001", "3'b010", "3'b111"]),
    "a word too many": rom(["3'b001"] * 5),
    "a word twice": rom(["3'b001"] * 4).replace("n1[3]", "n1[2]"),
    "a narrow word": rom(["3'b001", "3'b010", "2'b11", "3'b100"]),
    "a wide word": rom(["3'b001", "3'b010", "4'b1111", "3'b100"]),
    "a short number": rom(["3'b001", "3'b010", "3'b11", "3'b100"]),
    "an undefined bit": rom(["3'b001", "3'b010", "3'b11x", "3'b100"]),
    "another memory": rom(["3'b001"] * 4).replace("n1[1]", "n2[1]"),
    "ascending addresses": rom(["3'b001"] * 4, "reg [2:0] n1[0:3] ; // memory"),
}


@pytest.mark.parametrize("verilog", INCOMPLETE.values(), ids=INCOMPLETE.keys())
def test_a_memory_that_is_not_filled_word_by_word_stays(verilog: str) -> None:
    assert with_rom_files(verilog) == (verilog, {})


def memories(folder: Path, verilog: str, files: dict[str, str]) -> dict[str, Any]:
    """What Yosys makes of a Verilog text, by module: its memories, with their contents among the parameters."""
    folder.mkdir()
    for name, text in (files | {"network.v": verilog}).items():
        (folder / name).write_text(text)
    script = "read_verilog network.v; proc; opt_clean; memory_collect; write_json memories.json"
    status, text = run_tool([find_tool("yosys"), "-q", "-p", script], folder)
    assert not status, text
    modules = json.loads((folder / "memories.json").read_text())["modules"]
    return {
        name: [cell["parameters"] | {"MEMID": ""} for cell in module["cells"].values() if cell["type"].startswith("$mem")]
        for name, module in modules.items()
    }


def test_yosys_reads_the_same_memories(tmp_path: Path) -> None:
    """Against GHDL's own assignments, and against the graph. Contents that are shifted, reversed or cut do not pass."""
    sums = linear(20, 7, weight_format=FixedPoint(5, 0), output=FixedPoint(16, 0))
    last = linear(7, 1, entry=FixedPoint(16, 0), weight_format=FixedPoint(1, 0, signed=False), output=FixedPoint(20, 0))
    graph = chain(sums, last, shape=(20,))
    build = BuildFolder.open(creator.translate(graph).write(tmp_path / "build"))
    ghdl = compile_design(build, tmp_path)
    assert run_tool([ghdl, "--synth", *STANDARD, "--out=verilog", build.top], tmp_path, output=tmp_path / "network.v")[0] == 0
    plain = with_wide_constants((tmp_path / "network.v").read_text())
    verilog, files = with_rom_files(plain)
    assert "initial begin" in plain
    assert "initial begin" not in verilog
    expected = memories(tmp_path / "plain", plain, {})
    assert memories(tmp_path / "files", verilog, files) == expected
    name = next(name for name in files if "weights" in name and len(files[name].split()) == 140)
    words = files[name].split()
    stored = np.array([int(word, 2) - (int(word[0]) << len(word)) for word in words]).reshape(7, 20)
    assert (stored == np.asarray(graph.nodes[0].op.weight)).all()
    assert len({*words}) > 4
    assert sum("INIT" in parameters for cells in expected.values() for parameters in cells) == len(files) + 1
    faults = {
        "shifted": words[1:] + words[:1],
        "reversed": words[::-1],
        "cut": words[:-1],
        "turned": [word[::-1] for word in words],
    }
    for fault, wrong in faults.items():
        damaged = files | {name: "".join(f"{word}\n" for word in wrong)}
        assert memories(tmp_path / fault, verilog, damaged) != expected, fault

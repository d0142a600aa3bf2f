"""Sabotage of a build: faults in the hardware are found by comparing outputs, also where the manifest fits them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import creator
from creator import FixedPoint
from creator.graph import Graph
from creator.graph.storage import graph_bytes
from creator.graph.vectors import check_vectors
from creator.render.fileset import GRAPH
from creator.simulation.corruptions import FAULTS, corrupted
from tests.graph.chains import chain, of_everything, rescale
from tests.sabotage.conftest import Simulate, cases
from tests.simulation.test_checkers import sign

Count = Callable[[int], None]

WEIGHTS, BIASES = "vhdl/network_linear_3_weights.vhd", "vhdl/network_linear_3_biases.vhd"
FIRST = "vhdl/network_linear_1_requantizer.vhd"
SECOND, REQUANTIZER = "vhdl/network_linear_3.vhd", "vhdl/network_linear_3_requantizer.vhd"
TABLE, NETWORK, TOP = "vhdl/network_lookup_4_table.vhd", "vhdl/network.vhd", "vhdl/network_top.vhd"

# File, what is replaced (a pattern), by what. Each is one small fault of the VHDL of the small network.
EDITS = {
    "a bit of a weight": (WEIGHTS, r'"([01]+)([01])"\n  \);', lambda m: f'"{m[1]}{1 - int(m[2])}"\n  );'),
    "a bit of a bias": (BIASES, r'"([01]+)([01])([01]{4})"\n  \);', lambda m: f'"{m[1]}{1 - int(m[2])}{m[3]}"\n  );'),
    "a bit of a table": (TABLE, r'"([01])([01]+)"', lambda m: f'"{1 - int(m[1])}{m[2]}"'),
    "the rounding, half up": (REQUANTIZER, r"nearest <= kept when .*;", "nearest <= kept;"),
    "the rounding, always to an even code": (REQUANTIZER, r"nearest <= kept when .* else ", "nearest <= "),
    "a limit, that of a ReLU": (FIRST, r'result <= "00000000";', 'result <= "00000001";'),
    "a limit, its comparison": (REQUANTIZER, r"elsif rounded\(\d+\) = '0'", "elsif rounded(0) = '1'"),
    "the order of weights": (WEIGHTS, r'("[01]+"), ("[01]+")\n  \);', r"\2, \1\n  );"),
    "the order of the elements": (SECOND, r"read_index <= read_index \+ 1", "read_index <= read_index - 1"),
    "an output bit, inverted": (TOP, r"m_axis_tdata\(6 downto 0\) <= result;", "m_axis_tdata(6 downto 0) <= not result;"),
    "the sign, not extended": (TOP, r"\(others => result\(6\)\)", "(others => '0')"),
    "an output of the network, inverted": (NETWORK, r"out_data  <= lookup_4_data;", "out_data  <= not lookup_4_data;"),
    "a core, left out": (NETWORK, r"out_data  <= lookup_4_data;", "out_data  <= (others => '0');"),
    "a network that never answers": (NETWORK, r"out_valid <= lookup_4_valid;", "out_valid <= '0';"),
    "a network without reset": (TOP, r"reset <= not aresetn;", "reset <= '0';"),
}


QUICK = ["a bit of a weight", "a bit of a bias", "the rounding, half up", "a limit, its comparison"]
QUICK += ["the order of the elements", "a network that never answers"]


@pytest.mark.parametrize("name", cases(EDITS, QUICK))
def test_a_fault_in_the_vhdl(small_build: Path, simulate_fails: Simulate, sabotaged: Count, name: str) -> None:
    """The manifest fits, so that nothing but the simulation can tell."""
    file, old, new = EDITS[name]
    edited, count = re.subn(old, new, (small_build / file).read_text(), count=1)
    assert count == 1, f"{file} does not have {old}"
    (small_build / file).write_text(edited)
    sign(small_build)
    message = simulate_fails("vhdl", inputs=None)
    assert re.search(r"first mismatch +sample|do not extend|expected 256 output beats|undefined|stream \w+: ", message), message
    sabotaged(1)


def graphs(small_graph: Graph) -> dict[str, Graph]:
    """Small networks that have every kind of number between them."""
    return {
        "small": small_graph,
        "of everything": of_everything(),
        "rescale": chain(rescale([3, 40, 77, 5], 6, FixedPoint(8, 4))),
    }


@pytest.mark.extended
@pytest.mark.parametrize("fault", FAULTS)
def test_hardware_of_a_graph_with_one_other_number(
    small_graph: Graph, simulate_fails: Simulate, tmp_path: Path, sabotaged: Count, fault: str
) -> None:
    """The whole build is that of the other graph, manifest included, but for the graph that is compared with."""
    applies = 0
    for name, graph in graphs(small_graph).items():
        x = check_vectors(graph, 8)
        other = corrupted(graph, FAULTS[fault], x)
        if other is None:
            continue
        build = creator.translate(other).write(tmp_path / name)
        (build / GRAPH).write_bytes(graph_bytes(graph))
        sign(build)
        np.save(tmp_path / "vectors.npy", x)
        message = simulate_fails("vhdl", build=build, inputs=tmp_path / "vectors.npy")
        assert "first mismatch" in message
        assert "edited" not in message
        wrong = int((other.run(x) != graph.run(x)).sum())
        assert re.search(rf"mismatches +{wrong}\n", message)
        applies += 1
        sabotaged(1)
    assert applies


@pytest.mark.parametrize("bench", ["cocotb", "vhdl"])
def test_another_expected_value(small_build: Path, small_graph: Graph, simulate_fails, sabotaged: Count, bench: str) -> None:
    """The hardware is right; one number of the graph that it is compared with is not."""
    other = corrupted(small_graph, FAULTS["one entry of a table, by one"], creator.graph.vectors.check_vectors(small_graph, 4))
    assert other is not None
    (small_build / GRAPH).write_bytes(graph_bytes(other))
    assert "graph.creator changed since translation" in simulate_fails(bench)
    sign(small_build)
    assert "first mismatch" in simulate_fails(bench)
    sabotaged(2)


BENCH = {
    "writes no results": ("writeline(sink, words);", ""),
    "ends at once": ("while idle < patience", "while false and idle < patience"),
    "gives the right answers itself": ("write(words, m_data);", 'write(words, string\'("00000000"));'),
    "has no network in it": ("device : entity work.network_top", "device : entity work.nothing"),
    "drives nothing": ("s_valid <= '1';", "s_valid <= '0';"),
}


@pytest.mark.parametrize("signed", [False, True], ids=["manifest as it was", "manifest fitted"])
@pytest.mark.parametrize("name", BENCH)
def test_a_bench_that(small_build: Path, simulate_fails: Simulate, sabotaged: Count, name: str, signed: bool) -> None:
    old, new = BENCH[name]
    path = small_build / "sim" / "file_bench.vhd"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    if signed:
        sign(small_build)
    assert "sim/file_bench.vhd changed since translation" in simulate_fails("vhdl")
    sabotaged(1)


@pytest.mark.parametrize("bench", ["cocotb", "vhdl"])
def test_every_missing_file_of_the_simulation(small_build: Path, simulate_fails: Simulate, sabotaged: Count, bench: str):
    for path in sorted(
        [*small_build.glob("vhdl/*"), *small_build.glob("sim/*"), small_build / GRAPH, small_build / "manifest.json"]
    ):
        path.rename(small_build.parent / "away")
        message = simulate_fails(bench)
        assert str(path.relative_to(small_build)) in message
        (small_build.parent / "away").rename(path)
        sabotaged(1)


COCOTB = "import cocotb, json, os\nfrom pathlib import Path\n\n\n@cocotb.test()\nasync def stream(dut):\n    {}\n"
SECOND_TEST = "\n\n@cocotb.test()\nasync def more(dut):\n    pass\n"
JOB = 'job = json.loads(Path(os.environ["CREATOR_JOB"]).read_text())'
TRACE = f"""{JOB}
    trace = {{"mark": job["mark"], "beats": {{}}, "last": {{}}, "cycles": {{}}, "starts": {{}}, "taps": {{}}}}
    Path(os.environ["CREATOR_JOB"]).with_name("trace.json").write_text(json.dumps(trace))"""
EMPTY = TRACE.replace("{{}}, ", "[], ").replace('"taps": {{}}', '"taps": {}')
COCOTB_BENCHES = {
    "has no test": ("", "0 tests ran|did not run"),
    "has a test that prints PASS": (COCOTB.format("print('PASS')"), "the bench passed, but wrote no results"),
    "has a test that fails": (COCOTB.format("raise AssertionError('as it should')"), "1 tests ran, 1 failed: .*as it should"),
    "has two tests": (COCOTB.format("pass") + SECOND_TEST, "2 tests ran"),
    "records nothing": (COCOTB.format(EMPTY), "got 0 from 0"),
    "leaves out the reading of outputs": (
        COCOTB.format(f'{JOB}; Path(os.environ["CREATOR_JOB"]).with_name("trace.json").write_text("{{}}")'),
        "trace.json is not what the bench writes",
    ),
    "does not import": ("import nothing_of_this_name\n", "did not run|failed"),
    "ends the simulator": (COCOTB.format("os._exit(0)"), "did not run|no report"),
    "kills the simulator": (COCOTB.format("os.kill(os.getpid(), 9)"), "killed by signal 9"),
}


@pytest.mark.parametrize(
    "name", cases(COCOTB_BENCHES, ["has a test that prints PASS", "records nothing", "kills the simulator"])
)
def test_a_cocotb_bench_that(simulate_fails: Simulate, tmp_path: Path, monkeypatch, sabotaged: Count, name: str) -> None:
    """A broken installation: the file of the bench is another."""
    text, words = COCOTB_BENCHES[name]
    (tmp_path / "sim").mkdir()
    (tmp_path / "sim" / "cocotb_bench.py").write_text(text)
    monkeypatch.setattr("creator.simulation.cocotb_bench.resource_folder", lambda _: tmp_path / "sim")
    message = simulate_fails("cocotb")
    assert re.search(words, message), message
    sabotaged(1)

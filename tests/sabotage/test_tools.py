"""Sabotage of the tools: a simulator that is missing, dies, lies or loses its results never makes a simulation pass."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import creator
from creator.tools import find_ghdl
from tests.sabotage.conftest import Simulate, both, cases

BENCHES = pytest.mark.parametrize("bench", ["cocotb", "vhdl"])
Count = Callable[[int], None]

KILL = """
process = subprocess.Popen([REAL, *arguments])
while not Path("results.txt").is_file() or not Path("results.txt").stat().st_size:
    time.sleep(0.002)
    if "--vpi" in " ".join(arguments):
        time.sleep(0.7)
        break
assert process.poll() is None, "too late"
process.kill()
process.wait()
note.write_text("killed")
{after}
"""
DIE = "os.kill(os.getpid(), signal.SIGKILL)"

BOTH = {
    "the simulator exits with 0 and does nothing": (
        "",
        "-r",
        r"wrote no results|GHDL ended without an error, but there is no report",
    ),
    "the simulator compiles nothing and exits with 0": ("", "-a", r"cannot find|unit .* not found|did not run|failed"),
    "the compiler is killed": (DIE, "-a", r"GHDL was killed by signal 9"),
    "the simulator is killed at once": (DIE, "-r", "GHDL was killed by signal 9"),
    "the simulator fails after all results are written": ("run(); sys.exit(3)", "-r", r"status 3|exit code 3|failed"),
}


@pytest.mark.parametrize(("bench", "name"), both(BOTH, ["the simulator exits with 0 and does nothing"]))
def test_a_simulator_that_does_not_simulate(simulate_fails: Simulate, fake_ghdl, sabotaged: Count, bench: str, name: str):
    body, command, words = BOTH[name]
    note = fake_ghdl(body, (command,))
    assert_has(simulate_fails(bench), words)
    assert note.is_file()
    sabotaged(1)


def assert_has(message: str, words: str) -> None:
    assert re.search(words, message), message


@BENCHES
def test_no_simulator(simulate_fails: Simulate, tmp_path: Path, monkeypatch, sabotaged: Count, bench: str) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    find_ghdl.cache_clear()
    assert_has(simulate_fails(bench), "GHDL is not installed")
    find_ghdl.cache_clear()
    sabotaged(1)


@pytest.mark.parametrize(("bench", "after"), both([DIE, "sys.exit(0)"], [DIE]))
def test_a_simulator_killed_midway(
    simulate_fails: Simulate, fake_ghdl, small_graph: creator.Graph, tmp_path: Path, sabotaged: Count, bench, after
) -> None:
    np.save(tmp_path / "many.npy", np.zeros((3000, *small_graph.input_shape), np.int64))
    note = fake_ghdl(KILL.format(after=after))
    message = simulate_fails(bench, inputs=tmp_path / "many.npy")
    assert note.read_text() == "killed"
    assert_has(message, r"killed by signal 9" if after == DIE else r"does not end|did not run")
    sabotaged(1)


RESULTS = {
    "deleted": (r'os.remove("results.txt")', "wrote no results"),
    "emptied": (r'sub("results.txt", r"(?s).*", "")', "does not end with its mark"),
    "cut in the middle": (r'change("results.txt", lambda old: old[: len(old) // 2])', "does not end with its mark"),
    "cut by the last bit of one output": (r'sub("results.txt", r"(out .*)0\n", r"\1\n")', "beat of 7 bits, not 8"),
    "cut behind the last but one bit": (r'sub("results.txt", r"0\nend .*\n", "")', "does not end with its mark"),
    "of something else": (r'sub("results.txt", r"(?s).*", "PASS\n")', "does not end with its mark"),
    "not text": (r'Path("results.txt").write_bytes(bytes(range(256)))', "does not end with its mark"),
    "with a line of something else": (r'sub("results.txt", r"\n", "\nPASS\n")', "line 2 of the results is none that"),
    "with an output left out": (r'sub("results.txt", r"out .* 0 .*\n", "")', "tlast|expected 32"),
    "with an output twice": (r'sub("results.txt", r"(out .* 0 .*\n)", r"\1\1")', "tlast|expected 32"),
    "with one bit of an output inverted": (r'sub("results.txt", r"(out .*)(\d)(\n)", inverted)', "mismatches +1\n"),
    "with an undefined bit": (r'sub("results.txt", r"0\nend", "U\nend")', "undefined bits"),
}


def damaged_results(simulate_fails: Simulate, fake_ghdl: Callable[[str], Path], bench: str, body: str, words: str) -> None:
    """``body`` is done to the results of a sound run; what the simulation says has ``words``."""
    note = fake_ghdl(f"run()\n{body}")
    message = simulate_fails(bench)
    assert note.read_text() == "done", message
    assert_has(message, words)


@pytest.mark.parametrize("name", RESULTS)
def test_results_of_the_file_bench(simulate_fails: Simulate, fake_ghdl, sabotaged: Count, name: str) -> None:
    damaged_results(simulate_fails, fake_ghdl, "vhdl", *RESULTS[name])
    sabotaged(1)


COCOTB_RESULTS = {
    "report deleted": (r'os.remove("results.xml")', "did not run"),
    "report emptied": (r'sub("results.xml", r"(?s).*", "")', "results.xml cannot be read"),
    "report cut": (r'change("results.xml", lambda old: old[: len(old) // 2])', "results.xml cannot be read"),
    "report of no test": (r'sub("results.xml", r"(?s).*", "<testsuites></testsuites>")', "0 tests ran, 0 failed"),
    "report of a failed test": (r"""sub("results.xml", 'failures="0"', 'failures="1"')""", "1 tests ran, 1 failed"),
    "report of two tests": (r"""sub("results.xml", 'tests="1"', 'tests="2"')""", "2 tests ran, 0 failed"),
    "record deleted": (r'os.remove("trace.json")', "wrote no results"),
    "record emptied": (r'sub("trace.json", r"(?s).*", "")', "trace.json is not what the bench writes"),
    "record cut": (r'change("trace.json", lambda old: old[:-1])', "trace.json is not what the bench writes"),
    "record of something else": (r'sub("trace.json", r"(?s).*", "{}")', "trace.json is not what the bench writes"),
    "record of nothing": (r'sub("trace.json", r"(?s).*", "[]")', "trace.json is not what the bench writes"),
    "record without a beat": (r"""sub("trace.json", r', "[01]+"]', "]")""", "trace.json is not what the bench writes"),
    "record with a short beat": (r"""sub("trace.json", r'0", "', '", "')""", "beat of 7 bits, not 8"),
    "record with one bit inverted": (r"""sub("trace.json", r'(\["[01]*)([01])(")', inverted)""", "mismatches +1\n"),
}


@pytest.mark.parametrize("name", cases(COCOTB_RESULTS, ["report deleted", "report of no test", "record deleted", "record cut"]))
def test_results_of_cocotb(simulate_fails: Simulate, fake_ghdl, sabotaged: Count, name: str) -> None:
    damaged_results(simulate_fails, fake_ghdl, "cocotb", *COCOTB_RESULTS[name])
    sabotaged(1)


@BENCHES
def test_results_of_an_earlier_run(
    simulate_fails: Simulate, fake_ghdl, small_build: Path, small_inputs: Path, tmp_path: Path, sabotaged: Count, bench
) -> None:
    """The earlier run passed, on the same vectors."""
    kept = tmp_path / "kept"
    kept.mkdir()
    names = ["results.txt"] if bench == "vhdl" else ["results.xml", "trace.json"]
    copy = "; ".join(f"Path({str(kept / name)!r}).write_bytes(Path({name!r}).read_bytes())" for name in names)
    fake_ghdl(f"run(); {copy}")
    assert creator.simulate(small_build, np.load(small_inputs), bench=bench).passed
    paste = "; ".join(f"Path({name!r}).write_bytes(Path({str(kept / name)!r}).read_bytes())" for name in names)
    note = fake_ghdl(paste)
    assert_has(simulate_fails(bench), "results are of another run")
    assert note.read_text() == "done"
    sabotaged(1)


VECTORS = {
    "the last sample dropped": ("lines[-6:] = []", r"expected 32 output beats from 8 samples, got 28|nothing moved"),
    "the first sample dropped": ("lines[:6] = []", r"expected 32 output beats from 8 samples, got 28|nothing moved"),
    "a sample in another's place": ("lines[:6] = lines[6:12]", r"NOT bit-exact"),
    "two samples exchanged": ("lines[:12] = lines[6:12] + lines[:6]", r"NOT bit-exact"),
    "one element dropped": ("lines[8:9] = []", r"out of place|tlast|expected 32|is shorter than"),
    "one bit inverted": ("lines[20] = invert(lines[20])", r"NOT bit-exact"),
    "no sample left": ("lines[:] = []", r"expected 32 output beats from 8 samples, got 0|nothing moved"),
}
FILE_VECTORS = """
def invert(line):
    return line[:3] + "10"[int(line[3])] + line[4:]
def changed(text):
    lines = text.splitlines()
    {}
    return "".join(line + "\\n" for line in lines)
change("vectors.txt", changed)
run()
"""
JOB_VECTORS = """
def invert(bits):
    return bits[:1] + "10"[int(bits[1])] + bits[2:]
def changed(text):
    import json
    job = json.loads(text)
    lines = job["beats"]
    {}
    return json.dumps(job)
change("job.json", changed)
run()
"""


@pytest.mark.parametrize(("bench", "name"), both(VECTORS))
def test_vectors_changed_on_their_way(simulate_fails: Simulate, fake_ghdl, sabotaged: Count, bench: str, name: str):
    code, words = VECTORS[name]
    note = fake_ghdl((FILE_VECTORS if bench == "vhdl" else JOB_VECTORS).format(code))
    message = simulate_fails(bench)
    assert note.is_file()
    assert_has(message, words)
    sabotaged(1)


@BENCHES
def test_no_samples(simulate_fails: Simulate, small_graph, tmp_path: Path, sabotaged: Count, bench: str) -> None:
    np.save(tmp_path / "none.npy", np.zeros((0, *small_graph.input_shape), np.int64))
    assert_has(simulate_fails(bench, inputs=tmp_path / "none.npy"), "there are no vectors")
    sabotaged(1)

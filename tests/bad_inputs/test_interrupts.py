"""Whenever a command is interrupted, what it writes is entirely the old or entirely the new, and the next run works."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import creator
from tests.bad_inputs.interrupter import WORKS, contents, graph, temporary

ROOT = str(Path(__file__).parents[2])
INTERRUPTED = 130
Found = list[dict[str, object]]

BUILD = "a build in place of another"
FUNCTIONS = ("a saved graph", "outputs of a simulation")
"""Called without the command around them, which makes of SIGTERM what Ctrl-C is."""

OFTEN = {
    (BUILD, "SIGKILL"): 12,
    (BUILD, "SIGINT"): 24,
    (BUILD, "SIGTERM"): 30,
    ("a first build", "SIGKILL"): 12,
    ("an export in place of another", "SIGKILL"): 7,
    ("a saved graph", "SIGKILL"): 2,
    ("a saved graph", "SIGTERM"): 6,
    ("outputs of a simulation", "SIGKILL"): 4,
    ("outputs of a simulation", "SIGINT"): 6,
}
"""Lines from one strike to the next; it strikes at each line that puts the new in the place of the old."""


def environment(temporary_files: Path) -> dict[str, str]:
    temporary_files.mkdir(exist_ok=True)
    return os.environ | {"PYTHONPATH": ROOT, "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(temporary_files)}


def strikes(work: str, number: str, every: int, folder: Path) -> Found:
    command = [sys.executable, "-m", "tests.bad_inputs.interrupter", work, number, str(every), str(folder / "work")]
    (folder / "work").mkdir()
    done = subprocess.run(
        command, cwd=ROOT, env=environment(folder / "tmp"), capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout.splitlines()[-1]))


def check(found: Found, number: str, least: int, is_command: bool = True) -> None:
    assert [each for each in found if each["state"] not in ("old", "new")] == []
    assert len(found) >= least
    assert {each["state"] for each in found} == {"old", "new"}, "strikes must come before the change and after it"
    polite = number == "SIGINT" or (number == "SIGTERM" and is_command)
    expected = INTERRUPTED if polite else -int(signal.Signals[number])
    assert {each["status"] for each in found} == {expected}
    if number == "SIGKILL":  # what is left has a hidden name, and is in nobody's way
        assert all(len(each["left"]) <= 1 for each in found)
        assert all(each.get("again", True) for each in found)
        assert sum("again" in each for each in found) >= 2
    else:
        assert all(not each["left"] for each in found)


@pytest.mark.parametrize(("work", "number"), OFTEN, ids=[f"{work}, {number}" for work, number in OFTEN])
def test_a_signal_at_lines_of_what_writes(work: str, number: str, tmp_path: Path, record_property) -> None:
    found = strikes(work, number, OFTEN[work, number], tmp_path)
    check(found, number, 5, work not in FUNCTIONS)
    record_property("bad inputs: interrupts", len(found))


@pytest.mark.extended
@pytest.mark.parametrize("number", ["SIGKILL", "SIGINT", "SIGTERM"])
@pytest.mark.parametrize("work", WORKS)
def test_a_signal_at_every_line_of_what_writes(work: str, number: str, tmp_path: Path, record_property) -> None:
    found = strikes(work, number, 1, tmp_path)
    check(found, number, 20, work not in FUNCTIONS)
    record_property("bad inputs: interrupts", len(found))


# At any time in the life of a real process.


def desk(folder: Path) -> None:
    """A build, and an older waveform, outputs and report, which a command will replace."""
    folder.mkdir()
    creator.translate(graph(0)).write(folder / "b")
    graph(1).save(folder / "g.creator")
    for name in ("w.vcd", "y.npy", "x.bit"):
        (folder / name).write_text("old\n")


COMMANDS = {
    "translate": "translate g.creator -o b",
    "simulate": "simulate b --bench vhdl --outputs y.npy --waves w.vcd",
    "cocotb": "simulate b --outputs y.npy --waves w.vcd",
    "synthesize": "synthesize b --target ice40-up5k --bitstream x.bit",
}


def start(name: str, folder: Path, temporary_files: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "creator.cli", *COMMANDS[name].split()]
    return subprocess.Popen(
        command, cwd=folder, env=environment(temporary_files), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def by_output(folder: Path) -> dict[str, dict[str, str]]:
    """Contents by what is written as one: a waveform, an array, a bitstream, a report, the rest of the build."""
    found: dict[str, dict[str, str]] = {}
    for name, digest in contents(folder).items():
        part = "report" if name.startswith("b/synthesis/") else name.split("/")[0]
        found.setdefault(part, {})[name] = digest
    return found


def dates_aside(outputs: dict[str, dict[str, str]], folder: Path) -> dict[str, object]:
    """The same, but of what has a time or its own folder in it, whether it is whole: of a waveform, and of a report's logs."""
    text = (folder / "w.vcd").read_text()
    waves = "old" if text == "old\n" else "whole" if text.endswith("\n") and text.count("\n#") > 100 else "cut"
    logs: dict[str, object] = {}
    if "report" in outputs:
        (report,) = (folder / "b" / "synthesis").glob("*/report.json")
        logs["report"] = (sorted(outputs["report"]), json.loads(report.read_text())["luts"])
    return outputs | {"w.vcd": waves} | logs


def at_times(name: str, times: int, least: int, seed: int, tmp_path: Path) -> int:
    """Strikes so many processes at random times, with the three signals in turn, and more until it has hit the ``least``;
    returns how many it hit."""
    desk(tmp_path / "reference")
    old = dates_aside(by_output(tmp_path / "reference"), tmp_path / "reference")
    begun = time.monotonic()
    process = start(name, tmp_path / "reference", tmp_path / "tmp")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    lasts = time.monotonic() - begun
    new = dates_aside(by_output(tmp_path / "reference"), tmp_path / "reference")
    assert old != new
    rng, hits, index = random.Random(seed), 0, 0
    while index < times or hits < least:
        assert index < 5 * times, "nearly all were done before they were struck"
        number = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)[index % 3]
        folder, scratch = tmp_path / f"run{index}", tmp_path / f"tmp{index}"
        desk(folder)
        process = start(name, folder, scratch)
        wait = rng.uniform(0.3, 1.0) * lasts
        time.sleep(wait)
        if process.poll() is not None:  # the machine is less busy than it was
            lasts = wait
        process.send_signal(number)
        _, err = process.communicate(timeout=120)
        after = dates_aside(by_output(folder), folder)
        for part in old | new | after:
            assert after.get(part) in (old.get(part), new.get(part)), (name, index, part, after.get(part))
        hits += process.returncode != 0
        if number == signal.SIGKILL:
            process = start(name, folder, scratch)
            _, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
            assert dates_aside(by_output(folder), folder) == new
        else:
            # 0: it was done before; -number or 1: it came before the command began; -SIGINT: Python ends itself so
            # where the interrupt has come through an exec, of a dataclass for example, whoever caught it in the end.
            assert process.returncode in (0, INTERRUPTED, -number, -signal.SIGINT, 1), err
            assert temporary(folder) == []
            assert [path for path in scratch.iterdir() if path.name.startswith("creator-")] == []
            if process.returncode == INTERRUPTED:
                assert err.splitlines()[-1].endswith("interrupted")
                assert "Traceback" not in err
        index += 1
    return hits


@pytest.mark.parametrize("name", ["translate", "simulate"])
def test_a_signal_at_random_times(name: str, tmp_path: Path, record_property) -> None:
    hits = at_times(name, 3, 1, 1, tmp_path)
    record_property("bad inputs: interrupts", hits)


@pytest.mark.extended
@pytest.mark.parametrize("name", COMMANDS)
def test_a_signal_at_many_random_times(name: str, tmp_path: Path, record_property) -> None:
    hits = at_times(name, 30 if name != "synthesize" else 12, 6, 2, tmp_path)
    record_property("bad inputs: interrupts", hits)

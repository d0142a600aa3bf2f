"""The command line on a small build, with whatever GHDL a test puts in the real one's place."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

import creator
from creator import cli
from creator.graph.vectors import check_vectors
from creator.tools import find_ghdl

Simulate = Callable[..., str]
FakeGhdl = Callable[[str], Path]

FAKE = """\
#!{python} -IS
import os, re, signal, subprocess, sys, time
from pathlib import Path

REAL, arguments, note = {real!r}, sys.argv[1:], Path({note!r})
if arguments[:1] not in {commands!r} or note.exists():  # sabotaged once: a mismatch is simulated again, to find its layer
    os.execv(REAL, [REAL, *arguments])


def run():
    status = subprocess.call([REAL, *arguments])
    if status:
        sys.exit(status)


def change(name, function):
    old = Path(name).read_text()
    new = function(old)
    if new == old:
        sys.exit("the sabotage changed nothing")
    Path(name).write_text(new)


def sub(name, pattern, new):
    change(name, lambda old: re.sub(pattern, new, old, count=1))


def inverted(match):
    return match[1] + "10"[int(match[2])] + match[3]


note.write_text("begun")
{body}
note.write_text("done")
"""


def cases(names: Iterable[str], quick: Iterable[str]) -> list[object]:
    """The parameters of a test: those of ``quick`` always, the others where there is time."""
    names, quick = list(names), set(quick)
    assert quick <= set(names)
    return [pytest.param(name, marks=[] if name in quick else [pytest.mark.extended]) for name in names]


def both(names: Iterable[str], quick: Iterable[str] = ()) -> list[object]:
    """The same with a bench for each: always with the fast one, with cocotb those of ``quick`` always."""
    slow = [pytest.param("cocotb", *case.values, marks=case.marks) for case in cases(names, quick)]
    return [*slow, *(pytest.param("vhdl", name) for name in names)]


@pytest.fixture
def small_inputs(small_graph: creator.Graph, tmp_path: Path) -> Path:
    """Eight samples for the small network in a file, no two alike."""
    np.save(tmp_path / "x.npy", check_vectors(small_graph, 4))
    return tmp_path / "x.npy"


@pytest.fixture
def simulate_fails(small_build: Path, small_inputs: Path, capfd: pytest.CaptureFixture[str]) -> Simulate:
    """Runs ``creator simulate``, which must fail; returns its message, which is one line, or a table that says so."""

    def run(bench: str, *, inputs: Path | None = small_inputs, build: Path = small_build) -> str:
        capfd.readouterr()
        vectors = [] if inputs is None else ["--inputs", str(inputs)]
        status = cli.main(["simulate", str(build), "--bench", bench, *vectors, "--quiet"])
        out, err = capfd.readouterr()
        assert status in (cli.FAILED, cli.REFUSED), out
        assert "Traceback" not in out + err
        if out:
            assert (status, out.splitlines()[0], err) == (cli.FAILED, "NOT bit-exact", "")
            return out
        assert len(err.splitlines()) == 1
        assert err.startswith("creator simulate: ")
        return err

    return run


@pytest.fixture
def fake_ghdl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Puts a program before GHDL on the ``PATH`` that passes on what it is not to sabotage; gives the file that it notes in."""
    real = shutil.which("ghdl")
    assert real is not None
    folder = tmp_path / "bin"
    folder.mkdir()

    def make(body: str, commands: tuple[str, ...] = ("-r",)) -> Path:
        note, program = tmp_path / "note", folder / "ghdl"
        note.unlink(missing_ok=True)
        text = FAKE.format(python=sys.executable, real=real, note=str(note), body=body, commands=[[word] for word in commands])
        program.write_text(text)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=":")
        find_ghdl.cache_clear()
        return note

    yield make
    find_ghdl.cache_clear()

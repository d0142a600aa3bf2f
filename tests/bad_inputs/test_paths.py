"""Paths that lead astray: each is refused in one line that names the path, and nothing anywhere near is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import creator
from creator.errors import as_output_file
from creator.render.fileset import check_writable
from tests.bad_inputs.command import call, check_refused, state
from tests.bad_inputs.paths import CASES, EXPORT, SIMULATE, TO, lay_out


@pytest.fixture
def laid_out(desk: Path, small_graph: creator.Graph) -> Path:
    lay_out(small_graph)
    return desk


def test_there_are_enough() -> None:
    assert len(CASES) >= 20


@pytest.mark.parametrize("line", [f"{TO} b", f"{TO} new/b", f"{EXPORT} p", f"{EXPORT} new", f"{SIMULATE} --outputs y.npy"])
def test_honest_paths_are_taken(line: str, laid_out: Path) -> None:
    assert call(*line.split()) == 0


@pytest.mark.parametrize("line", CASES, ids=[ascii(line)[1:60] for line in CASES])
def test_a_path_that_leads_astray(
    line: str, tmp_path: Path, laid_out: Path, capfd: pytest.CaptureFixture[str], record_property
) -> None:
    master, slave = os.openpty()
    try:
        arguments = [word if word != "|" else "" for word in line.replace("TERMINAL", os.ttyname(slave)).split(" ")]
        check_refused(arguments, [CASES[line]], tmp_path, capfd)
    finally:
        os.close(master)
        os.close(slave)
    record_property("bad inputs: paths", 1)


@pytest.mark.parametrize("name", ["/", "/usr", "/dev", "/etc", "/dev/null", "/dev/full"])
def test_folders_and_devices_of_the_system(name: str, record_property) -> None:
    """Only the checks are called, which write nothing whatever they find."""
    with pytest.raises(creator.CreatorError):
        check_writable(Path(name))
    with pytest.raises(creator.CreatorError):
        as_output_file(name)
    record_property("bad inputs: paths", 1)


def test_a_working_directory_that_is_gone(
    desk: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], record_property
) -> None:
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for line in ("translate g.creator -o b", "simulate b", "translate ../desk/g.creator -o b", "doctor --fix"):
        check_refused(line.split(), [], tmp_path, capfd)
        record_property("bad inputs: paths", 1)


@pytest.mark.parametrize("name", ["x" * 300, "x/" * 3000])
def test_paths_that_are_too_long_are_refused_by_every_function(
    name: str, small_graph: creator.Graph, small_build: Path
) -> None:
    calls = [
        lambda: creator.load(name),
        lambda: small_graph.save(name),
        lambda: creator.translate(small_graph).write(name),
        lambda: creator.simulate(name),
        lambda: creator.simulate(small_build, waves=name),
        lambda: creator.synthesize(name),
        lambda: creator.export_project(small_build, name, tool="fusesoc"),
    ]
    for each in calls:
        with pytest.raises(creator.CreatorError):
            each()


def test_a_link_in_the_way_of_a_temporary_name_is_not_followed(
    desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder that others may write to, somebody may guess a name; then nothing is written through it."""
    monkeypatch.setattr("secrets.token_hex", lambda size: "guessed")
    os.symlink(tmp_path / "precious" / "thesis.tex", ".creator-guessed-h.creator")
    before = state(tmp_path)
    with pytest.raises(creator.CreatorError, match="cannot be written"):
        creator.load("g.creator").save("h.creator")
    left = state(tmp_path)
    assert {path: left[path] for path in before if path in left} == left
    assert (tmp_path / "precious" / "thesis.tex").read_text() == "precious"

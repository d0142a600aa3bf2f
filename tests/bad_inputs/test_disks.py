"""Disks that are full or may not be written, outputs that are closed: one line, and everything as it was."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import creator
from tests.bad_inputs.command import REFUSED, SECONDS, call, check_line, check_refused, state

ROOT = str(Path(__file__).parents[2])


class Disk:
    """Fails the n-th time that something in a folder is made, opened for writing or moved, as a full disk does."""

    def __init__(self) -> None:
        self.folder, self.fail_at, self.seen = "", 0, 0
        sys.addaudithook(self.watch)

    def watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.folder:
            return
        made = event in ("os.mkdir", "os.rename") or (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        )
        place = arguments[0] if made else None
        if isinstance(place, (str, Path)) and str(place).startswith(self.folder) and not os.path.isdir(place):
            self.seen += 1
            if self.seen == self.fail_at:
                raise OSError(28, "No space left on device")


DISK = Disk()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    DISK.folder, DISK.fail_at = str(tmp_path), 0
    yield DISK
    DISK.folder = ""


@pytest.mark.parametrize(
    "line",
    ["translate g.creator -o b --quiet", "translate g.creator -o deep/er/b --quiet", "export b --tool fusesoc -o p",
     "export b --tool fusesoc -o new"],
)  # fmt: skip
def test_a_disk_that_is_full_at_any_file(
    line: str,
    tmp_path: Path,
    desk: Path,
    disk: Disk,
    small_graph: creator.Graph,
    capfd: pytest.CaptureFixture[str],
    record_property,
) -> None:
    creator.translate(small_graph).write("b")
    creator.export_project("b", "p", tool="fusesoc", clock_mhz=50)
    before = state(tmp_path)
    for fail_at in range(1, 200):
        disk.seen, disk.fail_at = 0, fail_at
        if fail_at > 1 and not reached(disk, line, before, tmp_path, capfd):
            break
        if fail_at == 1:
            check_refused(line.split(), ["No space left on device"], tmp_path, capfd)
    assert fail_at > 15
    record_property("bad inputs: paths", fail_at - 1)


def reached(disk: Disk, line: str, before: object, folder: Path, capfd: pytest.CaptureFixture[str]) -> bool:
    """Whether the command came as far as the failure; if so, it was refused and all is as before."""
    capfd.readouterr()
    status = call(*line.split())
    _, err = capfd.readouterr()
    if disk.seen < disk.fail_at:
        assert status == 0
        return False
    assert status == REFUSED
    check_line(err, "No space left on device")
    assert state(folder) == before
    return True


def test_a_file_on_a_full_disk(tmp_path: Path, desk: Path, disk: Disk, small_graph: creator.Graph) -> None:
    before = state(tmp_path)
    for fail_at in (1, 2, 3):
        disk.seen, disk.fail_at = 0, fail_at
        with pytest.raises(creator.CreatorError, match="No space left on device"):
            small_graph.save("g.creator")
        assert state(tmp_path) == before


# Processes of their own: limits, and rights that root does not have either.


def child(line: str, setup: Callable[[], object] = lambda: None, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs a command after ``setup``, and requires that it takes less than two seconds of a processor."""
    environment = os.environ | {"PYTHONPATH": ROOT, "PYTHONDONTWRITEBYTECODE": "1"}
    begun = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "creator.cli", *line.split()],
        env=environment, preexec_fn=setup, text=True, timeout=60, check=False,
        **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options),
    )  # fmt: skip
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime < SECONDS
    return done


def smaller_than(size: int) -> Callable[[], object]:
    """A limit to the size of every file, which fails a write in the middle."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def without_privileges() -> None:
    """Takes from root the right to read and write what permissions forbid; nobody else has it."""
    override, search, drop = 1, 2, 24  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, PR_CAPBSET_DROP
    for capability in (override, search):
        ctypes.CDLL(None).prctl(drop, capability, 0, 0, 0)


@pytest.mark.parametrize("size", [0, 1, 1000])
@pytest.mark.parametrize(
    "line", ["translate g.creator -o b --quiet", "translate g.creator -o new", "export b --tool fusesoc -o p"]
)
def test_a_write_that_fails_midway(
    line: str, size: int, tmp_path: Path, desk: Path, small_graph: creator.Graph, record_property
) -> None:
    creator.translate(small_graph).write("b")
    creator.export_project("b", "p", tool="fusesoc", clock_mhz=50)
    before = state(tmp_path)
    done = child(line, smaller_than(size))
    assert (done.returncode, done.stdout) == (REFUSED, "")
    check_line(done.stderr, "cannot be written: File too large")
    assert state(tmp_path) == before
    record_property("bad inputs: paths", 1)


FORBIDDEN = {
    "translate g.creator -o closed/b": "cannot be written: Permission denied",
    "translate g.creator -o closed/old --quiet": "cannot be written: Permission denied",
    "translate g.creator -o hidden/b": "Permission denied",
    "translate g.creator -o with_hidden": "cannot be read: Permission denied",
    "translate hidden.creator -o b": "cannot be read",
    "translate hidden/g.creator -o b": "Permission denied",
    "simulate hidden": "is not a creator build",
    "simulate no_manifest": "is not a creator build",
    "simulate no_graph --bench vhdl": "Permission denied",
    "simulate closed/old --bench vhdl --quiet --outputs closed/y.npy": "cannot be written: Permission denied",
    "simulate closed/old --bench vhdl --quiet --waves closed/w.ghw": "cannot be written: Permission denied",
    "export closed/old --tool fusesoc -o closed/p": "cannot be written: Permission denied",
    "export closed/old --tool fusesoc -o with_hidden": "",
}


@pytest.mark.parametrize("line", FORBIDDEN)
def test_permissions_are_refused(line: str, tmp_path: Path, desk: Path, small_graph: creator.Graph, record_property) -> None:
    for name in ("closed/old", "no_manifest", "no_graph"):
        creator.translate(small_graph).write(name)
    Path("hidden").mkdir()
    Path("with_hidden/inside").mkdir(parents=True)
    small_graph.save("hidden.creator")
    for name in ("hidden", "hidden.creator", "no_manifest/manifest.json", "no_graph/graph.creator", "with_hidden/inside"):
        Path(name).chmod(0)
    Path("closed").chmod(0o555)
    try:
        before = sorted(path for path in state(tmp_path))
        done = child(line, without_privileges)
        assert (done.returncode, done.stdout) == (REFUSED, "")
        check_line(done.stderr, FORBIDDEN[line])
        assert sorted(path for path in state(tmp_path)) == before
    finally:
        for name in ("closed", "hidden", "with_hidden/inside"):
            Path(name).chmod(0o755)
    record_property("bad inputs: paths", 1)


@pytest.mark.parametrize("line", ["doctor", "doctor --json", "estimate g.creator --quiet", "translate g.creator -o b"])
def test_a_full_standard_output(line: str, desk: Path, record_property) -> None:
    with open("/dev/full", "w") as full:
        done = child(line, stdout=full)
    assert done.returncode == REFUSED
    lines = done.stderr.splitlines()
    assert "standard output, or a temporary file: No space left on device" in lines[-1]
    assert "Traceback" not in done.stderr
    assert len(lines) == 1 + ("-o" in line)
    record_property("bad inputs: paths", 1)


@pytest.mark.parametrize("closed", [(1,), (2,), (1, 2), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("line", ["translate g.creator -o b", "estimate nowhere"])
def test_closed_streams(line: str, closed: tuple[int, ...], desk: Path) -> None:
    options: dict[str, Any] = {} if 2 not in closed else {"stderr": None}
    done = child(line, lambda: [os.close(number) for number in closed], **options)
    assert done.returncode == (REFUSED if "nowhere" in line else 0)
    assert "Traceback" not in (done.stderr or "")
    assert Path("b").is_dir() == ("nowhere" not in line)


def test_a_reader_that_has_enough(desk: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = child("doctor", stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")

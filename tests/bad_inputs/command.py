"""The command in this process, and what must hold of every refusal."""

from __future__ import annotations

import os
import signal
import stat
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from creator import cli

SECONDS = 2.0
"""Of processor time, so that other processes on the machine do not count."""

HANGS = 60
"""Seconds by the clock after which a command counts as hanging."""

REFUSED = 2
LONGEST = 7000
"""Characters of a refusal: a line that a person can read, even where an argument has 300 of them."""


def call(*arguments: str) -> int:
    """Runs ``creator`` with these arguments; returns its exit status. One that hangs, at a pipe for example, is ended."""
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(HANGS)
    try:
        return cli.main(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _too_long(*_: object) -> None:
    raise AssertionError(f"the command took more than {HANGS} seconds")


def state(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything in a folder: kinds, permissions, contents and the targets of links."""
    found: dict[str, tuple[object, ...]] = {}
    for place, folders, files in os.walk(os.fsencode(folder)):
        for name in [*folders, *files]:
            path = os.path.join(place, name)
            status = os.lstat(path)
            content: object = None
            if status.st_size > 1 << 30:
                content = status.st_size
            elif stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(status.st_mode):
                content = Path(os.fsdecode(path)).read_bytes()
            found[os.fsdecode(path)] = (status.st_mode, status.st_ino, content)
    return found


def check_line(err: str, *words: str) -> None:
    """Exactly one line, from the command, without a traceback, and with ``words`` in it."""
    assert err.endswith("\n"), err
    assert len(err.splitlines()) == 1, err
    assert err.isprintable() or err[:-1].isprintable(), ascii(err)
    assert err.startswith("creator"), err
    assert "Traceback" not in err
    assert 30 < len(err) < LONGEST, len(err)
    for word in words:
        assert word in err, err


def check_refused(arguments: Sequence[str], words: Sequence[str], folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Runs the command: exit status 2, one line with ``words``, nothing on standard output, ``folder`` as before, in time."""
    before = state(folder)
    capfd.readouterr()
    begun = time.process_time()
    status = call(*arguments)
    seconds = time.process_time() - begun
    out, err = capfd.readouterr()
    assert status == REFUSED, (status, out, err)
    assert out == ""
    check_line(err, *words)
    assert state(folder) == before
    assert seconds < SECONDS, seconds

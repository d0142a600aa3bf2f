"""How results reach the disk: whole or not at all, at whatever moment they are interrupted."""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from creator.errors import CreatorError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds an interrupt, Ctrl-C or a polite kill, back until the block ends. For writes that are short."""
    held: list[int] = []

    def hold(number: int, _: FrameType | None) -> None:
        held.append(number)

    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # no other thread gets signals, or may ask for them
        handlers = {number: signal.getsignal(number) or signal.SIG_DFL for number in _SIGNALS}
        before = {number: handler for number, handler in handlers.items() if handler != signal.SIG_IGN}
    for number in before:
        signal.signal(number, hold)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder among the system's temporary ones, which goes when the block ends, interrupted or not."""
    path: Path | None = None
    try:
        with uninterrupted():
            path = Path(tempfile.mkdtemp(prefix="creator-"))
        yield path
    finally:
        with uninterrupted():
            if path is not None:
                shutil.rmtree(path, ignore_errors=True)


def beside(target: Path) -> Path:
    """A hidden name in the same folder that nothing has; it ends as ``target`` does."""
    return target.with_name(f".creator-{secrets.token_hex(8)}-{target.name[-100:]}")


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """The path of an empty file beside ``target``, which takes its place when the block ends, and is removed if that fails.

    Raises:
        CreatorError: if the system refuses to create, write or move it.
    """
    partial = beside(target)
    try:
        partial.touch(exist_ok=False)
        yield partial
        partial.replace(target)
    except OSError as error:
        raise CreatorError(f"cannot be written: {error.strerror or error}", str(target)) from None
    finally:
        if os.path.lexists(partial):
            partial.unlink()


def write_file(target: Path, content: bytes) -> None:
    """Writes a file, whole or not at all."""
    with uninterrupted(), written_whole(target) as partial:
        partial.write_bytes(content)


def put_in_place(fresh: Path, target: Path) -> None:
    """Moves the folder ``fresh`` to ``target``; a folder that is there already is then at ``fresh``, or removed.

    Where the system can exchange two names, there is no moment at which ``target`` is missing.
    """
    if not target.exists():
        fresh.rename(target)
    elif not _exchanged(fresh, target):
        old = beside(target)
        target.rename(old)
        try:
            fresh.rename(target)
        except BaseException:
            old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)


def _exchanged(one: Path, other: Path) -> bool:
    """Whether the system exchanged two names in one step; Linux can, on most file systems."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE in Linux's headers
    return rename is not None and rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0

"""How the command line meets its terminal: tables and progress that read well in a log too, streams that work, interrupts."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import TextIO


def table(rows: Iterable[tuple[str, str]], title: str = "") -> str:
    """Two columns, labels left and figures right of them, under a title."""
    rows = list(rows)
    width = max((len(label) for label, _ in rows), default=0)
    lines = [f"  {label.ljust(width)}  {value}" for label, value in rows]
    return "\n".join([title, "-" * max(map(len, [title, *lines])), *lines] if title else lines)


class Progress:
    """Says on standard error what is being done, and how long it took.

    On a terminal a step shows while it runs; elsewhere it becomes one line when it is done, so that a refusal stays alone.

    Args:
        stream: where to; standard error unless given.
        quiet: says nothing.
    """

    def __init__(self, stream: TextIO | None = None, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._live = self._stream.isatty()
        self._step = ""
        self._begun = 0.0

    def __call__(self, step: str) -> None:
        """Begins a step, which ends the one before."""
        self.done()
        self._step, self._begun = step, time.monotonic()
        if self._live:
            self._write(f"  {step} ...")

    def done(self) -> None:
        """Ends the current step."""
        if self._step:
            self._write(f"{self._start_of_line()}  {self._step}: {time.monotonic() - self._begun:.1f} s\n")
        self._step = ""

    def _start_of_line(self) -> str:
        return "\r\x1b[K" if self._live else ""

    def _write(self, text: str) -> None:
        if not self._quiet:
            self._stream.write(text)
            self._stream.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is not None and self._step:
            self._write(self._start_of_line())
            self._step = ""
        self.done()


def bar(done: int, total: int, width: int = 24) -> str:
    """A progress bar of ``width`` characters."""
    filled = width * done // total
    return "[" + "#" * filled + "." * (width - filled) + "]"


def drop(stream: TextIO) -> None:
    """Lets what is still to be written to ``stream`` go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def usable_streams() -> Iterator[None]:
    """Standard output and error that can be written: any path on any of them, and closed ones too."""
    with open(os.devnull, "w") as nowhere, ExitStack() as stack:
        if sys.stdout is None:
            stack.enter_context(redirect_stdout(nowhere))
        if sys.stderr is None:
            stack.enter_context(redirect_stderr(nowhere))
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # paths need not be text
        yield


@contextmanager
def stoppable() -> Iterator[None]:
    """Makes a polite kill, or a terminal that is closed, what Ctrl-C is: temporary files go, programs that were started end."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    mine = []
    if threading.current_thread() is threading.main_thread():
        mine = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) == signal.SIG_DFL]
    for number in mine:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)

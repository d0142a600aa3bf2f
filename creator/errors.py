"""The one error type that a user of creator sees."""

from __future__ import annotations

import os
from pathlib import Path


def one_line(text: str) -> str:
    """``text`` without line ends; what no terminal should get, such as escape sequences, as backslash escapes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(text.split()))


class CreatorError(ValueError):
    """A refusal: what is wrong, where, and what to do about it.

    Args:
        what: the fault, in one sentence without a final full stop.
        where: the place that it was found at: a module path, a file, an argument.
        hint: what the user can do.

    ``str(error)`` is always one line, so that the command line can print it as it is.
    """

    def __init__(self, what: str, where: str = "", hint: str = "") -> None:
        self.what, self.where, self.hint = what, where, hint
        super().__init__(what, where, hint)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.hint:
            text = f"{text} (hint: {self.hint})"
        return one_line(text)

    def at(self, where: str) -> CreatorError:
        """The same error with ``where`` filled in, if it has no place yet."""
        return self if self.where else type(self)(self.what, where, self.hint)


class CheckFailedError(CreatorError):
    """A finding, not a refusal: the hardware was run and did something wrong. The command line exits with 1, not 2."""


def as_output_file(value: object) -> Path:
    """``value`` as the absolute path of a file that can be written; refused before any work if it cannot."""
    path = as_path(value).absolute()
    try:
        if not path.parent.is_dir():
            raise CreatorError("the folder does not exist", str(path.parent), "create it first")
        if path.is_dir():
            raise CreatorError("cannot be written: it is a folder", str(path), "name a file in it")
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise CreatorError("is there already and is a link or a device", str(path), "name an ordinary file")
    except OSError as error:
        raise CreatorError(f"cannot be written: {error.strerror}", str(path)) from None
    return path


def as_path(value: object, hint: str = "") -> Path:
    """``value`` as a path; refused if it cannot be one."""
    if not isinstance(value, (str, os.PathLike)) or "\0" in os.fsdecode(value):
        raise CreatorError(f"expected a path, got {value!r:.80}", hint=hint)
    return Path(os.fsdecode(value))

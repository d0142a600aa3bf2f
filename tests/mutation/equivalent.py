"""The list of mutants that no vector can find, with the reason for each."""

from __future__ import annotations

import tomllib
from pathlib import Path

LIST = Path(__file__).with_name("equivalent.toml")

Key = tuple[str, str, str, int]


def equivalents(path: Path = LIST) -> dict[Key, str]:
    """The reasons, by what :attr:`Mutant.key` gives.

    Raises:
        ValueError: for an entry without a reason, and for one that is there twice.
    """
    found: dict[Key, str] = {}
    for entry in tomllib.loads(path.read_text())["mutant"] if path.is_file() else []:
        key = entry["file"], entry["before"], entry["after"], entry.get("nth", 1)
        if key in found or not entry["reason"].strip():
            raise ValueError(f"{path.name}: {key} has no reason, or is there twice")
        found[key] = entry["reason"]
    return found

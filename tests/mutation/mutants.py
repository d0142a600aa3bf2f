"""What a mutant is, how it is named, and which ones are taken of a file that has too many."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MOST = 60
"""Mutants taken of one file; one with fewer gives all it has."""

LEAST = 30
"""Below this, the output says that the file has no more."""

FILLERS = ("port",)
"""Kinds that are used only where a file has too few of the others: GHDL refuses them at once."""


@dataclass(frozen=True)
class Mutant:
    """One fault: the characters ``start`` to ``end`` of ``file`` become ``new``.

    Args:
        file: path in the repository.
        kind: what the rule does, such as "relation" or "dropped statement".
        before: the lines that it touches, blanks collapsed.
        after: the same lines with the fault.
        nth: which of the places in the file that have this same ``before`` and ``after``, from 1.
    """

    file: str
    kind: str
    start: int
    end: int
    new: str
    before: str
    after: str
    line: int
    nth: int = 1

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What names it in the list of equivalent mutants: it survives changes elsewhere in the file."""
        return self.file, self.before, self.after, self.nth

    def applied(self, text: str) -> str:
        """The file's text with the fault."""
        return text[: self.start] + self.new + text[self.end :]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} [{self.kind}] {self.before}  ->  {self.after or '(nothing)'}"


Change = tuple[str, int, int, str]
"""Kind, start, end, new text."""


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def named(file: str, text: str, changes: Iterable[Change]) -> list[Mutant]:
    """The mutants of ``changes``, without those that change nothing but blanks, or the same as one before."""
    found: list[Mutant] = []
    results, times = {text}, dict[tuple[str, str], int]()
    for kind, start, end, new in sorted(changes, key=lambda change: change[1:]):
        result = text[:start] + new + text[end:]
        if result in results:
            continue
        results.add(result)
        begin, stop = text.rfind("\n", 0, start) + 1, text.find("\n", end)
        stop = len(text) if stop < 0 else stop
        before, after = _squeezed(text[begin:stop]), _squeezed(text[begin:start] + new + text[end:stop])
        if before == after:
            continue
        times[before, after] = times.get((before, after), 0) + 1
        line = text.count("\n", 0, start) + 1
        found.append(Mutant(file, kind, start, end, new, before, after, line, times[before, after]))
    return found


def in_turn(mutants: list[Mutant]) -> Iterator[Mutant]:
    """All mutants in the order in which they are taken: shuffled by a seed that is the file's name, each kind in turn."""
    kinds: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        kinds.setdefault(mutant.kind, []).append(mutant)
    for kind, members in kinds.items():
        random.Random(f"{members[0].file} {kind}").shuffle(members)
    for fill in (False, True):
        left = [kinds[kind] for kind in sorted(kinds) if (kind in FILLERS) == fill]
        while left:
            for members in left:
                yield members.pop()
            left = [members for members in left if members]

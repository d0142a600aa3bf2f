"""Faults in what Jinja computes: expressions that a template prints, and its conditions and loops."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.mutation.mutants import Change

RELATIONS = {"==": ["!="], "!=": ["=="], "<": ["<=", ">="], ">": [">=", "<="], ">=": [">", "<"], "<=": ["<", ">"]}
SUMS = {"+": "-", "-": "+", "*": "+"}
TWINS = {"input_": "output_", "output_": "input_", "low_": "high_", "high_": "low_", "first": "second", "second": "first"}


def template_changes(text: str, marks: str) -> Iterator[Change]:
    """Changes to the parts of ``text`` that ``marks`` names ``e`` and ``s``."""
    for match in re.finditer(r"\{\{.*?\}\}|\{%.*?%\}", text):
        if set(marks[match.start() : match.end()]) <= set("esq"):
            if match[0].startswith("{%"):
                yield from _statement(match)
            for kind, start, end, new in _expression(match[0]):
                if "q" not in marks[match.start() + start : match.start() + end]:
                    yield kind, match.start() + start, match.start() + end, new


def _expression(part: str) -> Iterator[Change]:
    for match in re.finditer(r"(?<=\w|\)|\]) ([-+*]) (?=[\w(-])", part):
        yield "template sum", match.start(1), match.end(1), SUMS[match[1]]
    for match in re.finditer(r" (==|!=|<|>|>=|<=) ", part):
        for new in RELATIONS[match[1]]:
            yield "template relation", match.start(1), match.end(1), new
    for match in re.finditer(r"\b(and|or)\b", part):
        yield "template logic", *match.span(), "or" if match[0] == "and" else "and"
    for match in re.finditer(r"\bnot ", part):
        yield "template logic", *match.span(), ""
    for match in re.finditer(r"(?<![\w.])\d+\b", part):
        yield "template constant", *match.span(), str(int(match[0]) + 1)
        if int(match[0]):
            yield "template constant", *match.span(), str(int(match[0]) - 1)
    for match in re.finditer(r"\bloop\.index(0?)", part):
        yield "template constant", *match.span(), "loop.index" if match[1] else "loop.index0"
    for match in re.finditer(r"(?<=[ .])(input_|output_|low_|high_|first|second)(?=[a-z.]|\b)", part):
        yield "template name", *match.span(), TWINS[match[0]]


def _statement(match: re.Match[str]) -> Iterator[Change]:
    start, inner = match.start(), match[0]
    test = re.match(r"\{% (?:el)?if (?P<test>.+) %\}$", inner)
    if test:
        for new in ("true", "false"):
            yield "template condition", start + test.start("test"), start + test.end("test"), new
    loop = re.match(r"\{% for \w+ in (?P<all>.+) %\}$", inner)
    if loop:
        span = start + loop.start("all"), start + loop.end("all")
        yield "template loop", *span, f"({loop['all']} | list)[1:]"
        yield "template loop", *span, f"({loop['all']} | list)[:-1]"
    if re.match(r"\{% include ", inner):
        yield "dropped include", start, match.end(), ""

"""Faults in VHDL and in the templates of it: of each kind, at every place where it can be made."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.mutation.mutants import Change, Mutant, named
from tests.mutation.template_rules import template_changes

NAME = r"(?<![\w.])(?:[\w.]|\{\{[^{}\n]*\}\})+"
OPERAND = rf"(?:'[01]'|{NAME}(?:\([^()\n]*\))?)"
DECLARATION = r"\s*(?:signal|type|constant|variable|attribute)\b|[^\n]*: (?:in |out) std_logic"
TEST = rf"(?:not )?{OPERAND}(?: (?:=|/=) '[01]')?"

RELATIONS = {"=": ["/="], "/=": ["="], "<": ["<=", ">="], ">": [">=", "<="], ">=": [">", "<"], "<=": ["<", ">"]}

BITS = {"reset", "enable", "in_valid", "in_last", "out_ready", "write_enable", "read_enable", "in_push", "first", "valid"}
WORDS = {"in_data", "activation", "weight", "bias", "address", "code", "factor", "write_address", "write_data", "read_address"}
RESULTS = {"in_ready", "out_valid", "out_last", "out_data", "in_accept", "read_data", "data", "sum", "result", "value"}


def marked(text: str) -> str:
    """For each character what it belongs to: ``v`` VHDL, ``e`` a printed expression, ``s`` a statement of the template,
    ``q`` a string in one, ``c`` a comment."""
    marks = ["v"] * len(text)

    def mark(pattern: str, sign: str, within: str) -> None:
        for match in re.finditer(pattern, text):
            if set(marks[match.start() : match.end()]) <= set(within):
                marks[match.start() : match.end()] = sign * len(match[0])

    mark(r"\{#.*?#\}", "c", "v")
    mark(r"\{%.*?%\}", "s", "v")
    mark(r"\{\{.*?\}\}", "e", "v")
    mark(r"--[^\n]*", "c", "ves")
    mark(r'"[^"\n]*"', "q", "ves")
    return "".join(marks)


def mutants_of(file: str, text: str) -> list[Mutant]:
    """All mutants of a VHDL file or template."""
    marks = marked(text)
    changes = [*_vhdl_changes(text, marks), *template_changes(text, marks)]
    return named(file, text, [(_kind(text, kind, start), start, end, new) for kind, start, end, new in changes])


def _kind(text: str, kind: str, start: int) -> str:
    """``kind``, or that it is in a declaration: most of those GHDL refuses, so they are one kind among many."""
    line = text.rfind("\n", 0, start) + 1
    return "declaration" if kind != "port" and re.match(DECLARATION, text[line:]) else kind


def _vhdl_changes(text: str, marks: str) -> Iterator[Change]:
    for rule in (_operators, _conditions, _numbers, _signs, _statements, _wires):
        for kind, start, end, new in rule(text, marks):
            cut = text[start:end]
            whole = cut.count("{% if") == cut.count("{% endif") and cut.count("{%") == cut.count("%}")
            if end == start or (whole and cut.count("{{") == cut.count("}}") and cut.count("{% else") <= cut.count("{% if")):
                yield kind, start, end, new


def _found(pattern: str, text: str, marks: str, within: str = "v", group: int | str = 0) -> Iterator[re.Match[str]]:
    """Matches whose ``group`` consists of what ``within`` names."""
    for match in re.finditer(pattern, text, re.MULTILINE):
        if set(marks[match.start(group) : match.end(group)]) <= set(within):
            yield match


def _operators(text: str, marks: str) -> Iterator[Change]:
    for match in _found(r"(?<=\S) ([+-]) (?=\S)", text, marks):
        yield "sum", match.start(1), match.end(1), "-" if match[1] == "+" else "+"
    for match in _found(rf" [+-] {OPERAND}", text, marks, "ve"):
        yield "dropped term", match.start(), match.end(), ""
    for match in _found(rf"({OPERAND}) ([-&]) ({OPERAND})(?![\w(])", text, marks, "ve"):
        yield "swapped operands", match.start(), match.end(), f"{match[3]} {match[2]} {match[1]}"
    for match in _found(r" (=|/=|<|>|>=|<=) ", text, marks):
        if match[1] != "<=" or _tests(text, match.start()):
            for new in RELATIONS[match[1]]:
                yield "relation", match.start(1), match.end(1), new
    for match in _found(r"\b(and|or)\b", text, marks):
        yield "logic", *match.span(), "or" if match[0] == "and" else "and"
    for match in _found(r"\bnot ", text, marks):
        yield "dropped not", *match.span(), ""
    for match in _found(rf" (?:and|or) {TEST}", text, marks, "ve"):
        yield "dropped operand", *match.span(), ""
    for match in _found(rf"{TEST} (?:and|or) ", text, marks, "ve"):
        yield "dropped operand", *match.span(), ""
    for match in _found(r"'[01]'", text, marks):
        yield "bit", *match.span(), "'1'" if match[0] == "'0'" else "'0'"
    for match in _found(r"\brising_edge\b", text, marks):
        yield "edge", *match.span(), "falling_edge"


def _tests(text: str, place: int) -> bool:
    """Whether a ``<=`` is a comparison: it stands behind an ``if`` or ``when`` of the same statement."""
    begin = max(text.rfind(mark, 0, place) for mark in (";", " then", "begin", "else", " generate", "%}\n"))
    return re.search(r"\b(?:if|elsif|when|assert)\b", text[begin:place]) is not None


def _conditions(text: str, marks: str) -> Iterator[Change]:
    for match in _found(r"\b(els)?if (?P<test>.+?) then\b", text, marks, "vesq"):
        if "rising_edge" not in match["test"]:
            kind = "reset" if "reset" in match["test"] else "condition"
            for new in ("true", "false"):
                yield kind, match.start("test"), match.end("test"), new
    for match in _found(r"<= (?P<yes>[^;\n]+?) when (?P<test>[^;\n]+?) else (?P<no>[^;\n]+?);", text, marks, "vesq"):
        yield "condition", match.start(), match.end(), f"<= {match['yes']};"
        yield "condition", match.start(), match.end(), f"<= {match['no']};"


def _numbers(text: str, marks: str) -> Iterator[Change]:
    for match in _found(r"(?<![\w.'])\d+\b(?![.'])", text, marks):
        yield "constant", *match.span(), str(int(match[0]) + 1)
        if int(match[0]):
            yield "constant", *match.span(), str(int(match[0]) - 1)


def _signs(text: str, marks: str) -> Iterator[Change]:
    """Changes of sign that keep the type: an extension by zeros instead of by the sign, and the other way round."""
    for match in _found(r"\bresize\(", text, marks):
        parts = _arguments(text, match.end())
        if parts:
            (start, end), stop = parts[0], parts[-1][1] + 1
            rest = text[end:stop]
            yield "sign", match.start(), stop, f"signed(resize(unsigned({text[start:end]}){rest})"
    for match in _found(r"\bsigned\('0' & (\w+)\)", text, marks):
        yield "sign", *match.span(), f"signed({match[1]}({match[1]}'high) & {match[1]})"
    for match in _found(r"\bsigned\('0' & (\w+)\(", text, marks):
        yield "sign", match.start(), match.end(), f"signed({match[1]}({match[1]}'high) & {match[1]}("
    for match in _found(r"(?<=: )(un)?signed(?=\()", text, marks):
        yield "sign", *match.span(), "signed" if match[1] else "unsigned"
    for match in _found(r"\bshift_left\b", text, marks):
        yield "shift", *match.span(), "shift_right"


def _arguments(text: str, start: int) -> list[tuple[int, int]]:
    """Spans of the arguments of a call whose opening parenthesis is just before ``start``."""
    depth, begin, found = 0, start, []
    for place in range(start, len(text)):
        if text[place] in "({[":
            depth += 1
        elif text[place] in ")}]":
            if depth == 0:
                return [*found, (begin, place)]
            depth -= 1
        elif text[place] == "," and depth == 0:
            found.append((begin, place))
            begin = place + 1
    return []


def _statements(text: str, marks: str) -> Iterator[Change]:
    pattern = rf"^(?:\{{%[^\n]*?%\}})*[ ]*(?P<all>{NAME}(?:\([^\n]*?\))?[ ]*(?:<=|:=)[ \n][^;]*;)"
    for match in _found(pattern, text, marks, "vesq", "all"):
        if _tests(text, match.end("all") - 1) and "when" not in match["all"]:
            continue
        yield "dropped statement", match.start("all"), match.end("all"), ""


def _wires(text: str, marks: str) -> Iterator[Change]:
    for match in _found(r"^\s+(?P<formal>\w+)\s+=> (?P<actual>[^,\n]+?)(?=,?\n)", text, marks, "vesq", "actual"):
        formal, span = match["formal"], match.span("actual")
        if formal in BITS:
            for new in ("'0'", "'1'"):
                yield "wire", *span, new
        elif formal in WORDS:
            yield "wire", *span, "(others => '0')"
        elif formal in RESULTS:
            yield "wire", *span, "open"
    # Not the other way round: GHDL does not tell a port out that nothing drives from a port in.
    for match in _found(r"(?<=: )out(?= std_logic)", text, marks):
        yield "port", *match.span(), "in "

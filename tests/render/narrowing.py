"""Finds a ``resize`` of a signed number to fewer bits: simulation keeps the sign bit, GHDL's synthesis truncates."""

from __future__ import annotations

import re


def narrowing(code: str) -> list[str]:
    """Each resize in VHDL without comments that goes to fewer bits than its operand has: a signal, a slice of one, or an
    element of an array."""
    widths = {m[1]: int(m[2]) + 1 for m in re.finditer(r"signal (\w+)\s*: signed\((\d+) downto 0\)", code)}
    types = {m[1]: int(m[2]) + 1 for m in re.finditer(r"type (\w+) is array \([^)]*\) of signed\((\d+) downto 0\)", code)}
    widths |= {m[1]: types[m[2]] for m in re.finditer(r"signal (\w+)\s*: (\w+);", code) if m[2] in types}
    found = []
    for match in re.finditer(r"resize\((\w+)(?:\(([^()]*(?:\([^()]*\)[^()]*)*)\))?, (\d+)\)", code):
        name, index, width = match[1], match[2] or "", int(match[3])
        cut = re.fullmatch(r"(\d+) downto (\d+)", index)
        operand = int(cut[1]) - int(cut[2]) + 1 if cut else widths.get(name, 0)
        if width < operand:
            found.append(match[0])
    return found

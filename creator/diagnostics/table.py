"""Tables of many columns, for a terminal."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence

WIDTH = 120


def grid(header: Sequence[str], rows: Sequence[Sequence[str]], texts: int, narrow: int = 0) -> str:
    """A table of at most :data:`WIDTH` characters.

    Args:
        header: a title for each column.
        rows: of cells.
        texts: how many columns, from the first, are text, left-aligned; figures follow, right-aligned.
        narrow: the column that is cut where the table gets too wide; its ends of cells stay.
    """
    cells = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    excess = sum(widths) + 2 * (len(widths) - 1) - WIDTH
    if excess > 0:
        widths[narrow] = max(8, widths[narrow] - excess)
        for row in cells:
            row[narrow] = _cut(row[narrow], widths[narrow])
    lines = ["  ".join(_padded(row, widths, texts)).rstrip() for row in cells]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _padded(row: list[str], widths: list[int], texts: int) -> list[str]:
    both = enumerate(zip(row, widths, strict=True))
    return [cell.ljust(width) if column < texts else cell.rjust(width) for column, (cell, width) in both]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else ".." + text[len(text) - width + 2 :]


def number(value: float | None) -> str:
    """Three significant digits; empty for ``None``."""
    return "" if value is None else f"{value:.3g}"


def percent(share: float | None) -> str:
    """A share with enough digits to tell little from nothing; empty for ``None``."""
    if share is None or share in (0.0, 1.0):
        return "" if share is None else f"{share:.0%}"
    if share < 0.0001:
        return "<0.01%"
    return f"{share:.2%}" if share < 0.1 else f"{math.floor(share * 1000) / 10:.1f}%"


def decibel(value: float | None) -> str:
    """One digit after the point; "exact" for an infinite ratio; empty for ``None``."""
    return "" if value is None else "exact" if value == math.inf else f"{value:.1f}"


def shortened(format: str) -> str:
    """The text of a format with four digits of its scale."""
    return re.sub(r"\d*\.\d{4,}(e-?\d+)?", lambda found: f"{float(found[0]):.4g}", format)


def wrapped(text: str) -> str:
    """A sentence in lines of at most :data:`WIDTH` characters."""
    return textwrap.fill(text, WIDTH, subsequent_indent="    ", break_on_hyphens=False)

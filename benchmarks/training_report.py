"""What ``training_speed.py`` tells: a table on the terminal, a page, and whether creator is within its limits."""

from __future__ import annotations

from typing import Any

from training_measure import BASELINE
from training_ours import ADDED, GPU_LIMIT, LIMITS, MOST_ADDED

import creator
from creator.console import table

Record = dict[str, Any]


def verdicts(measured: Record) -> list[Record]:
    """creator's ratios and what gradients add to them, against the limits; a figure that is missing does not pass."""
    ratios = {key(one): one["ratio"] for one in measured["results"]} | {key(one): None for one in measured["missing"]}
    judged = []
    for network, optimizer in places(measured["results"]):
        place = f"{network}, {optimizer}"
        for system, limits in LIMITS.items():
            judged.append(verdict(f"{place}: {system}", ratios[network, optimizer, system], limits.get(network, GPU_LIMIT)))
        for system, without in ADDED.items():
            if (network, optimizer, system) in ratios:
                both = [ratios[network, optimizer, name] for name in (system, without)]
                judged.append(verdict(f"{place}: added, {system}", None if None in both else both[0] - both[1], MOST_ADDED))
    return judged


def key(one: Record) -> tuple[str, str, str]:
    """What a record is about."""
    return one["network"], one["optimizer"], one["system"]


def verdict(what: str, found: float | None, limit: float) -> Record:
    """Whether ``found`` is at most ``limit``, to the two digits that are shown."""
    return {"what": what, "found": found, "limit": limit, "passed": found is not None and round(found, 2) <= limit}


def terminal(measured: Record, judged: list[Record]) -> str:
    """What a person reads."""
    parts = []
    for network, optimizer in places(measured["results"]):
        rows = [one for one in measured["results"] if (one["network"], one["optimizer"]) == (network, optimizer)]
        cells = [(one["system"], f"{one['ratio']:6.2f}   {spread(one):>14}   {one['ms']:8.3f} ms") for one in rows]
        parts.append(table([("", "ratio        quartiles         a step"), *cells], f"{network}, {optimizer}"))
    rows = [(one["what"], said(one)) for one in judged]
    parts.append(table(rows, "limits"))
    if measured["missing"]:
        parts.append(table([(", ".join(key(one)), one["why"]) for one in measured["missing"]], "not measured"))
    return "\n\n".join(parts)


def places(results: list[Record]) -> list[tuple[str, str]]:
    """Networks and optimizers in the order of measurement."""
    return list(dict.fromkeys((one["network"], one["optimizer"]) for one in results))


def spread(one: Record) -> str:
    """The quartiles."""
    return f"{one['lower']:.2f} ... {one['upper']:.2f}"


def said(one: Record) -> str:
    """A verdict in words."""
    found = "not measured" if one["found"] is None else f"{one['found']:.2f}"
    return f"{found}, at most {one['limit']:.2f}: {'yes' if one['passed'] else 'NO'}"


def document(measured: Record, judged: list[Record], command: str, conditions: str) -> str:
    """The result as a Markdown page."""
    columns = places(measured["results"])
    found = {key(one): one for one in measured["results"]}
    systems = list(dict.fromkeys(one["system"] for one in [*measured["results"], *measured["missing"]]))
    rows = [["", *(f"{network}, {optimizer}" for network, optimizer in columns)]]
    for system in systems:
        rows.append([system, *(cell(found.get((*column, system)), system) for column in columns)])
    installed = ", ".join(f"{name} {version}" for name, version in measured["versions"].items())
    head = f"""# Training step: ratio to plain float torch

Made by `{command}`; what it measures is in [the README](../README.md).
creator {creator.__version__}, {installed}; {measured["processor"]}; {conditions}.
Median of the rounds, and in parentheses the quartiles; {BASELINE}: time of a step.

"""
    limits = markdown([["creator", "found, limit"], *([one["what"], said(one)] for one in judged)])
    lost = "".join(f"- {', '.join(key(one))}: {one['why']}\n" for one in measured["missing"])
    return head + markdown(rows) + "\n" + limits + (f"\nNot measured:\n\n{lost}" if lost else "")


def cell(one: Record | None, system: str) -> str:
    """A figure of the page."""
    if one is None:
        return "-"
    return f"{one['ms']:.2f} ms" if system == BASELINE else f"{one['ratio']:.2f} ({spread(one)})"


def markdown(rows: list[list[str]]) -> str:
    """A table, its first row the heading."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [" | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    rule = "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])])
    return "\n".join([f"| {lines[0]} |", f"|{rule}|", *(f"| {line} |" for line in lines[1:])]) + "\n"

"""What ``low_precision_training.py`` tells: tables, a page and its plot, and whether 8 bits are enough."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import scipy.stats
from low_precision_recipe import CLAIMED, FLOAT, Records
from training_report import markdown

from creator.console import table
from creator.errors import CreatorError

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE, PLOT = DOCS / "training.md", DOCS / "low-precision-training.svg"
BEGIN, END = "<!-- low-precision training -->", "<!-- /low-precision training -->"

LIMIT = -1.0
"""Points that 8 bits everywhere may be away from float32."""

Verdicts = list[dict[str, Any]]


def accuracies(records: Records, condition: str, bits: int | None = None) -> dict[int, float]:
    """The accuracy of each seed."""
    return {one["seed"]: one["accuracy"] for one in records if one["condition"] == condition and bits in (None, one["bits"])}


def conditions(records: Records) -> list[str]:
    """Those that were trained, without the baseline."""
    return list(dict.fromkeys(one["condition"] for one in records if one["condition"] != FLOAT))


def widths(records: Records) -> list[int]:
    """The numbers of bits that were trained, from many to few."""
    return sorted({one["bits"] for one in records if one["condition"] != FLOAT}, reverse=True)


def difference(records: Records, condition: str, bits: int) -> tuple[float, float]:
    """Mean over the seeds of the accuracy minus float32's of the same seed, and half of its 95 % confidence interval."""
    baseline = accuracies(records, FLOAT)
    found = [accuracy - baseline[seed] for seed, accuracy in accuracies(records, condition, bits).items()]
    quantile = float(scipy.stats.t.ppf(0.975, len(found) - 1))
    return statistics.mean(found), quantile * statistics.stdev(found) / len(found) ** 0.5


def verdicts(records: Records) -> Verdicts:
    """Whether 8 bits are near enough to float32 where that is claimed, with the whole interval; and every integer right."""
    judged: Verdicts = []
    claimed = {one.name for one in CLAIMED}
    for condition in conditions(records):
        if condition in claimed and 8 in widths(records):
            mean, half = difference(records, condition, 8)
            judged.append({"what": f"8 bits: {condition}", "found": mean, "half": half, "passed": mean - half >= LIMIT})
    mismatches = sum(one.get("mismatches", 0) for one in records)
    return [*judged, {"what": "integers that differ from eval mode", "found": mismatches, "passed": mismatches == 0}]


def said(one: dict[str, Any]) -> str:
    """A verdict in words."""
    if "half" not in one:
        return f"{one['found']}: {'yes' if one['passed'] else 'NO'}"
    return f"{one['found']:+.2f} ± {one['half']:.2f} points, at least {LIMIT:+.0f}: {'yes' if one['passed'] else 'NO'}"


def spread(found: dict[int, float]) -> str:
    """Mean, lowest and highest."""
    return f"{statistics.mean(found.values()):.1f} ({min(found.values()):.1f} ... {max(found.values()):.1f})"


def accuracy_rows(records: Records) -> list[list[str]]:
    """The table of accuracies; the baseline is its first row."""
    bits = widths(records)
    rows = [["", *(f"{one} bits" for one in bits)], [FLOAT, spread(accuracies(records, FLOAT)), *[""] * (len(bits) - 1)]]
    for name in conditions(records):
        rows.append([name, *(spread(accuracies(records, name, one)) for one in bits)])
    return rows


def points(mean: float, half: float) -> str:
    """A difference and half of its interval; no minus before a zero."""
    return f"{round(mean, 1) + 0.0:+.1f} ± {half:.1f}"


def difference_rows(records: Records) -> list[list[str]]:
    """The table of differences to float32."""
    bits = widths(records)
    rows = [["", *(f"{one} bits" for one in bits)]]
    for name in conditions(records):
        rows.append([name, *(points(*difference(records, name, one)) for one in bits)])
    return rows


def in_range(records: Records) -> list[tuple[str, str]]:
    """The smallest share, over the seeds, of the float32 networks' values that the ranges hold."""
    shares: dict[str, float] = {}
    for one in records:
        for name, value in one.items():
            if name.endswith("in range"):
                shares[name] = min(value, shares.get(name, 100.0))
    return [(name.removesuffix(" in range"), f"{value:.1f} %") for name, value in shares.items()]


def terminal(records: Records, judged: Verdicts) -> str:
    """What a person reads."""
    seeds = len(accuracies(records, FLOAT))
    parts = []
    for title, rows in (
        (f"Test accuracy in %, mean of {seeds} seeds (lowest ... highest)", accuracy_rows(records)),
        ("Difference to float32 in points, with its 95 % confidence interval", difference_rows(records)),
    ):
        width = max(len(cell) for row in rows for cell in row[1:])
        parts.append(table([(row[0], "  ".join(cell.rjust(width) for cell in row[1:])) for row in rows], title))
    parts.append(table(in_range(records), "Lowest share of the float32 networks' values that the ranges hold"))
    parts.append(table([(one["what"], said(one)) for one in judged], "Limits"))
    return "\n\n".join(parts)


def fragment(records: Records, command: str) -> str:
    """The tables of the page."""
    seeds = len(accuracies(records, FLOAT))
    shares = ", ".join(f"{name} {value}" for name, value in in_range(records))
    return (
        f"Made by `{command}`.\n\n"
        f"Test accuracy in %: mean of {seeds} seeds (lowest ... highest).\n\n{markdown(accuracy_rows(records))}\n"
        "Difference to float32 in points: mean over the same seeds, with its 95 % confidence interval (t distribution).\n\n"
        f"{markdown(difference_rows(records))}\n"
        f"Output codes that differ between the integer graph and eval mode: {sum(one.get('mismatches', 0) for one in records)} "
        f"of {sum('mismatches' in one for one in records)} networks with 450 images of 10 scores each.\n"
        f"Lowest share of the trained float32 networks' values that the ranges hold: {shares}.\n"
    )


def write(records: Records, command: str) -> None:
    """Puts the tables into the page, between their markers, and draws the plot."""
    page = PAGE.read_text()
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise CreatorError(f"{PAGE.name} lacks the markers", hint=f"it needs the lines {BEGIN} and {END}")
    PAGE.write_text(f"{before}{BEGIN}\n{fragment(records, command)}{END}{after}")
    import low_precision_plot  # needs matplotlib

    PLOT.write_text(low_precision_plot.svg(records))

"""The plot of the study of low-precision training, as SVG text: the same bytes for the same records and matplotlib."""

from __future__ import annotations

import io
import statistics

import matplotlib as mpl
from low_precision_recipe import CONDITIONS, FLOAT, GRID, GRID_NEAREST, MASTER, NEAREST, STOCHASTIC, VALUES, Condition, Records
from low_precision_report import accuracies, widths
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, QUIET, BAND = "#24292f", "#57606a", "#eaeef2"
STYLE = {
    VALUES: ("#0969da", "o", "gradients in float32"),
    STOCHASTIC: ("#1a7f37", "s", "gradients rounded stochastically"),
    NEAREST: ("#bc4c00", "D", "gradients rounded to nearest"),
    MASTER: ("#0969da", "o", "float32 masters, rounded to nearest"),
    GRID: ("#1a7f37", "s", "no masters, rounded stochastically"),
    GRID_NEAREST: ("#bc4c00", "D", "no masters, rounded to nearest"),
}
"""Colour, marker and legend; the colours are those of the other figures, and differ in lightness too."""

PANELS = (
    ("Gradients", (VALUES, STOCHASTIC, NEAREST)),
    ("Weights between steps, gradients rounded stochastically", (MASTER, GRID, GRID_NEAREST)),
)
FLOOR, TOP = 88.0, 99.6
"""The part of the scale that is drawn; what lies below is written at its lower edge."""

SETTINGS = {
    "svg.hashsalt": "creator", "svg.fonttype": "none", "font.family": ["Helvetica", "Arial", "sans-serif"], "font.size": 11,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": QUIET, "xtick.color": INK, "ytick.color": INK,
}  # fmt: skip


def svg(records: Records) -> str:
    """The plot. On a white card, so that it reads on a dark page too."""
    with mpl.rc_context(SETTINGS):
        figure = drawn(records)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Title": "Low-precision training"})
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def drawn(records: Records) -> Figure:
    """The figure."""
    figure = Figure(figsize=(10.4, 4.5), facecolor="white", edgecolor="#8c959f", linewidth=1.5, layout="constrained")
    panels = figure.subplots(1, len(PANELS), sharey=True)
    trained = {one["condition"] for one in records}
    for axes, (title, chosen) in zip(panels, PANELS, strict=True):
        panel(axes, records, [one for one in chosen if one.name in trained])
        axes.set_title(title, fontsize=12, loc="left", color=INK)
    panels[0].set_ylabel("test accuracy in %")
    assert {one for _, chosen in PANELS for one in chosen} == set(CONDITIONS)
    return figure


def panel(axes: Axes, records: Records, chosen: list[Condition]) -> None:
    """One set of conditions: the mean of the seeds, and from the lowest to the highest, against the number of bits."""
    bits = widths(records)
    baseline = statistics.mean(accuracies(records, FLOAT).values())
    axes.axhspan(baseline - 1, baseline, color=BAND, lw=0, zorder=0)
    axes.axhline(baseline, color=INK, lw=1.2, ls=(0, (4, 2)), zorder=1, label=f"float32: {baseline:.1f} %, and 1 point below")
    for index, condition in enumerate(chosen):
        colour, marker, label = STYLE[condition]
        line(axes, records, condition, bits, (index - 1) * 0.11, colour=colour, marker=marker, label=label)
    axes.set_xticks(range(len(bits)), [str(one) for one in bits])
    axes.set_xlabel("bits of weights, biases, activations and gradients")
    axes.set_xlim(-0.4, len(bits) - 0.6)
    axes.set_ylim(FLOOR, TOP)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=3)
    axes.legend(loc="lower left", frameon=False, fontsize=10, handlelength=2.2)


def line(axes: Axes, records: Records, condition: Condition, bits: list[int], shift: float, *, colour: str, marker: str, label: str) -> None:  # fmt: skip
    """A curve; a mean below the scale becomes an arrow with its number."""
    found = [list(accuracies(records, condition.name, one).values()) for one in bits]
    means = [statistics.mean(one) for one in found]
    places = [index + shift for index in range(len(bits))]
    axes.plot(places, means, color=colour, lw=1.3, zorder=2)
    axes.vlines(places, [min(one) for one in found], [max(one) for one in found], color=colour, lw=1.3, zorder=2)
    seen = [(place, mean) for place, mean in zip(places, means, strict=True) if mean >= FLOOR]
    axes.plot(*zip(*seen, strict=True), color=colour, marker=marker, ms=5.5, ls="", zorder=3)
    axes.plot([], [], color=colour, marker=marker, ms=5.5, lw=1.3, label=label)
    for place, mean in zip(places, means, strict=True):
        if mean < FLOOR:
            axes.plot([place], [FLOOR + 0.25], color=colour, marker="v", ms=6, ls="", zorder=3, clip_on=False)
            axes.annotate(f"{mean:.0f} %", (place, FLOOR + 0.25), (0, 7), textcoords="offset points", ha="center", color=colour)

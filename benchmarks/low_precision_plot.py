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
    VALUES: ("#0969da", "o", "gradients float32"),
    STOCHASTIC: ("#1a7f37", "s", "gradients stochastic"),
    NEAREST: ("#bc4c00", "D", "gradients to nearest"),
    MASTER: ("#0969da", "o", "float32 masters"),
    GRID: ("#1a7f37", "s", "no masters, stochastic"),
    GRID_NEAREST: ("#bc4c00", "D", "no masters, to nearest"),
}
"""Colour, marker and legend; the colours are those of the other figures, and differ in lightness too."""

PANELS = (
    ("Gradients; weights have float32 masters", (VALUES, STOCHASTIC, NEAREST)),
    ("Weights between two steps; gradients are stochastic", (MASTER, GRID, GRID_NEAREST)),
)
FLOOR, TOP = 90.0, 99.6
"""The part of the scale that is drawn; what lies below is written at its lower edge."""

FONT = "DejaVu Sans"
FONTS = f"'{FONT}', Verdana, Helvetica, Arial, sans-serif"
"""The first comes with matplotlib, which lays the text out for it; the others are no wider."""

SETTINGS = {
    "svg.hashsalt": "creator", "svg.fonttype": "none", "font.family": FONT, "font.size": 11,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": QUIET, "xtick.color": INK, "ytick.color": INK,
}  # fmt: skip


def svg(records: Records) -> str:
    """The plot. On a white card, so that it reads on a dark page too."""
    with mpl.rc_context(SETTINGS):
        figure = drawn(records)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Title": "Low-precision training"})
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    return "\n".join(lines).replace(f"'{FONT}'", FONTS) + "\n"


def drawn(records: Records) -> Figure:
    """The figure."""
    figure = Figure(figsize=(10.4, 5.0), facecolor="white", edgecolor="#8c959f", linewidth=1.5)
    panels = figure.subplots(1, len(PANELS), sharey=True)
    figure.subplots_adjust(left=0.07, right=0.98, top=0.92, bottom=0.24, wspace=0.06)
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
    axes.axhline(baseline, color=INK, lw=1.2, ls=(0, (4, 2)), zorder=1, label="float32, and 1 point below")
    for index, condition in enumerate(chosen):
        line(axes, records, condition, bits, index - 1)
    axes.set_xticks(range(len(bits)), [str(one) for one in bits])
    axes.set_xlabel("bits of everything that is quantized")
    axes.set_xlim(-0.4, len(bits) - 0.5)
    axes.set_ylim(FLOOR, TOP)
    axes.set_yticks(range(int(FLOOR), 100, 2))
    axes.grid(axis="y", color=BAND, lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=3)
    axes.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.14), frameon=False, fontsize=10, ncols=2)


def line(axes: Axes, records: Records, condition: Condition, bits: list[int], side: int) -> None:
    """A curve, a little to one ``side`` so that three can be told apart; what is below the scale is an arrow and a number."""
    colour, marker, label = STYLE[condition]
    found = [list(accuracies(records, condition.name, one).values()) for one in bits]
    means = [statistics.mean(one) for one in found]
    places = [index + 0.1 * side for index in range(len(bits))]
    axes.vlines(places, [min(one) for one in found], [max(one) for one in found], color=colour, lw=1.3, zorder=2)
    axes.plot(places, means, color=colour, marker=marker, ms=5.5, lw=1.3, zorder=3, label=label)
    for place, mean in zip(places, means, strict=True):
        if mean < FLOOR:
            axes.plot([place], [FLOOR + 0.2], color=colour, marker="v", ms=6, ls="")
            beside = {
                "xytext": (7 if side > 0 else -7, 2),
                "textcoords": "offset points",
                "ha": "left" if side > 0 else "right",
            }
            axes.annotate(f"{mean:.0f} %", (place, FLOOR), color=colour, fontsize=10, **beside)

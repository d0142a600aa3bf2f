"""Histograms of what is quantized, beside the range of its format. Needs matplotlib, which is optional."""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from creator.diagnostics.table import decibel, percent, shortened
from creator.disk import written_whole
from creator.errors import CreatorError, as_output_file

if TYPE_CHECKING:
    from creator.diagnostics.summary import Row

COLUMNS = 3
MOST_PANELS = 150
_INSIDE, _OUTSIDE, _RECTIFIED = "#4878a8", "#c44e52", "#9a9a9a"
_END, _GREY = "#333333", "#555555"
_WIDE = 12
"""A range this many times as wide as the values does not fit beside them: the view shows the values, and words the range."""


def plot(rows: Sequence[Row], path: str | os.PathLike[str]) -> None:
    """One panel for each row, as a picture file: counts of the values before quantization, on a logarithmic scale.

    Dashed lines are the ends of the format's range; what lies beyond them is red, or
    grey where it is meant to become zero, by a ReLU. Matplotlib's global
    state stays as it is.

    Args:
        rows: of a summary, at most 150.
        path: the file; its suffix says which kind, such as ``.png`` or ``.svg``.

    Raises:
        CreatorError: without matplotlib, for too many rows, for a path that cannot be written.
    """
    if not 0 < len(rows) <= MOST_PANELS:
        raise CreatorError(f"{len(rows)} panels are not 1 to {MOST_PANELS}", "plot", "choose a module or a slot")
    file = as_output_file(path)
    columns = min(COLUMNS, len(rows))
    lines = -(-len(rows) // columns)
    figure = _matplotlib("figure").Figure(figsize=(4.2 * columns, 2.7 * lines), dpi=110, layout="constrained")
    canvas = _matplotlib("backends.backend_agg").FigureCanvasAgg(figure)
    known = canvas.get_supported_filetypes()
    if file.suffix[1:].lower() not in known:
        raise CreatorError(f"{file.suffix or 'no suffix'} is no kind of picture", str(file), "end the name in .png")
    axes = figure.subplots(lines, columns, squeeze=False).flatten()
    for row, axis in zip(rows, axes, strict=False):
        _panel(axis, row)
    for axis in axes[len(rows) :]:
        axis.set_axis_off()
    with written_whole(file) as partial:
        figure.savefig(partial)


def _matplotlib(name: str) -> Any:
    try:
        return importlib.import_module(f"matplotlib.{name}")
    except ImportError:
        raise CreatorError("matplotlib is not installed", "plot", "pip install 'creator[plot]'") from None


def _panel(axis: Any, row: Row) -> None:
    edges, counts = row.histogram.edges, row.histogram.counts
    low, high = row.range or (-math.inf, math.inf)
    middle = (edges[:-1] + edges[1:]) / 2
    below = _RECTIFIED if row.rectifies else _OUTSIDE
    colours = [below if x < low else _OUTSIDE if x > high else _INSIDE for x in middle]
    axis.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color=colours, linewidth=0)
    span = float(edges[-1] - edges[0])
    seen = row.range is not None and high - low <= _WIDE * span
    axis.set_yscale("log")
    axis.set_ylim(0.5, max(12.0, (2.0 if seen else 8.0) * float(counts.max())))
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else "")
    axis.yaxis.set_minor_formatter(lambda *_: "")
    first, last = (min(low, edges[0]), max(high, edges[-1])) if seen else (edges[0], edges[-1])
    margin = 0.04 * float(last - first)
    axis.set_xlim(first - margin, last + margin)
    sides = ((low, first - margin, below), (high, last + margin, _OUTSIDE))
    for end, outer, colour in sides if seen else ():
        axis.axvspan(min(end, outer), max(end, outer), color=colour, alpha=0.10, linewidth=0)
        axis.axvline(end, color=_END, linestyle="--", linewidth=1.0)
    if row.range is not None and not seen:
        note = f"the range is {(high - low) / span:.0f} times as wide"
        axis.text(0.99, 0.97, note, transform=axis.transAxes, fontsize=7.5, ha="right", va="top", color=_GREY)
    axis.set_title(f"{_tail(row.module)}  {row.slot}", fontsize=10, loc="left", fontweight="bold", pad=16)
    axis.text(0.0, 1.02, _figures(row), transform=axis.transAxes, fontsize=7, va="bottom", color=_GREY)
    axis.tick_params(labelsize=8)
    if row.in_codes:
        axis.set_xlabel("code", fontsize=8)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _figures(row: Row) -> str:
    parts = [shortened(row.format)]
    if row.range is not None:
        parts += [f"{row.range[0]:.4g} ... {row.range[1]:.4g}", f"{percent(row.saturated)} saturate"]
        parts += ["ReLU"] if row.rectifies else []
    if row.sqnr_db is not None:
        parts.append(f"SQNR {decibel(row.sqnr_db)}" + (" dB" if math.isfinite(row.sqnr_db) else ""))
    return "  ".join(parts)


def _tail(path: str, width: int = 24) -> str:
    return path if len(path) <= width else ".." + path[2 - width :]

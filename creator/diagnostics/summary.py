"""A table of every format of a model, and how it fits the values of a batch."""

from __future__ import annotations

import dataclasses
import math
import os
import warnings
from dataclasses import dataclass, field
from typing import Any

import torch

from creator.batches import first_tensor
from creator.diagnostics.measure import Histogram, ends, has_channels, used
from creator.diagnostics.meter import Meter
from creator.diagnostics.probe import Loss, probed
from creator.diagnostics.table import decibel, grid, number, percent, shortened, wrapped
from creator.errors import CreatorError


@dataclass(frozen=True)
class Row:
    """One slot of one layer.

    Args:
        module: the layer's path.
        slot: "output", "weight" or "bias"; "gradient activation", "gradient weight" or "gradient bias".
        format: of the values; the name of the quantizer's class where it has no format (yet).
        elements: how many values there are.
        low, high: the extreme values before quantization.
        used: the part of the format's range, zero included, that they reach, 0 ... 1; ``None`` without a format.
        saturated: the share of values whose rounded code lies outside the range; ``None`` without a format. Negative values do
            not count where a layer with weights has an output that cannot be negative: that is a ReLU.
        below, above: the shares on either side of the range.
        zero: the share of values that quantization makes, or leaves, zero; ``None`` where nothing is known of it.
        underflow: the share of values, not zero before, that it makes zero; those that a ReLU makes zero do not count.
        sqnr_db: 10 log10(sum of x**2 / sum of (x - q)**2), after the ReLU if there is one; infinite if nothing changes.
        histogram: counts of the values before quantization; in codes where each channel has a scale of its own.
        range: the ends of the format, in the unit of the histogram.
        in_codes: whether that unit is the code.
        rectifies: whether the slot is a ReLU as well.
    """

    module: str
    slot: str
    format: str
    elements: int
    low: float
    high: float
    used: float | None
    saturated: float | None
    below: float | None
    above: float | None
    zero: float | None
    underflow: float | None
    sqnr_db: float | None
    histogram: Histogram = field(repr=False, compare=False)
    range: tuple[float, float] | None = field(repr=False)
    in_codes: bool = field(repr=False)
    rectifies: bool = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """The figures by name; an infinite ratio as ``None``, with ``exact`` true."""
        found = {
            f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ("histogram", "range", "in_codes")
        }
        infinite = self.sqnr_db is not None and math.isinf(self.sqnr_db)
        return found | {"sqnr_db": None if infinite else self.sqnr_db, "exact": self.sqnr_db == math.inf}

    @property
    def warning(self) -> str:
        """The row's saturation in words."""
        low, high = self.range or (None, None)
        sides = ((self.below, "below", low), (self.above, "above", high))
        parts = [f"{percent(share)} {side} {number(end)}" for share, side, end in sides if share]
        return f"{self.module} {self.slot}: {' and '.join(parts)} saturate in {self.format}"


@dataclass(frozen=True)
class Summary:
    """What :func:`summarize` found; ``str(summary)`` is a table.

    Args:
        rows: one for each slot, layers in the order of their first call.
        warnings: a sentence for each slot of which more than ``threshold`` saturates.
        threshold: a share.
    """

    rows: tuple[Row, ...]
    warnings: tuple[str, ...]
    threshold: float

    def __str__(self) -> str:
        header = ("module", "slot", "format", "low", "high", "used", "satur.", "zero", "undfl.", "SQNR")
        cells = [
            (
                row.module, row.slot.replace("gradient", "grad"), shortened(row.format), number(row.low), number(row.high),
                percent(row.used), percent(row.saturated), percent(row.zero), percent(row.underflow), decibel(row.sqnr_db),
            )
            for row in self.rows
        ]  # fmt: skip
        return "\n".join([grid(header, cells, texts=3), *(wrapped(f"warning: {text}") for text in self.warnings)])

    def to_json(self) -> dict[str, Any]:
        """Rows and warnings, of types that ``json.dumps`` takes."""
        return {
            "threshold": self.threshold,
            "rows": [row.to_json() for row in self.rows],
            "warnings": list(self.warnings),
        }

    def select(self, module: str | None = None, slot: str | None = None) -> tuple[Row, ...]:
        """The rows of one module, and of those inside it, or of one slot, or both.

        Raises:
            CreatorError: if there is none.
        """
        chosen = [row for row in self.rows if module in (None, row.module) or row.module.startswith(f"{module}.")]
        chosen = [row for row in chosen if slot in (None, row.slot)]
        if not chosen:
            known = ", ".join(dict.fromkeys(row.module for row in self.rows))
            raise CreatorError(f"no row has module={module!r} and slot={slot!r}", "summary", f"modules are {known}")
        return tuple(chosen)

    def plot(self, path: str | os.PathLike[str], module: str | None = None, slot: str | None = None) -> None:
        """Draws a histogram for each row that :meth:`select` gives; see :func:`creator.diagnostics.plot.plot`."""
        from creator.diagnostics.plot import plot

        plot(self.select(module, slot), path)


def summarize(model: torch.nn.Module, batch: Any, loss: Loss | None = None, threshold: float = 0.01) -> Summary:
    """How the formats of every layer of :mod:`creator.nn` in ``model`` fit the values that a batch makes.

    The model runs in its mode: ``model.eval()`` shows what hardware computes, ``model.train()`` what training does, with the
    batch's own statistics in normalisations and with dropout. Nothing in the model changes: a copy runs, in float64. Weights
    and biases are those after folding a normalisation in. Values are rounded as evaluation does it, with the formats of the
    moment, except that arbitrary scales divide by the scale itself where hardware multiplies by a fraction near its inverse.

    Args:
        model: with layers of :mod:`creator.nn`, prepared, converted or made by hand.
        batch: the model's input, or a tuple, list or dict whose first entry that is.
        loss: from the model's output to a scalar; adds rows for gradients that have a format of their own. A weight's
            gradient is that of the weight in the product.
        threshold: warns, once, where a larger share of a slot saturates.

    Raises:
        CreatorError: naming the module, for NaN and infinities in the batch, the parameters or the gradients; and for a model
            without such layers.
    """
    if not isinstance(model, torch.nn.Module):
        raise CreatorError(f"expected a torch.nn.Module, got {type(model).__name__}", "summarize")
    if not 0 <= threshold <= 1:
        raise CreatorError(f"threshold={threshold} is not between 0 and 1", "summarize", "0.01 is one per cent")
    layers = probed(model, first_tensor(batch), loss)
    rows = tuple(row for layer in layers for meter in layer.meters if (row := _row(meter)) is not None)
    if not rows:
        raise CreatorError("the model has no layer of creator.nn", "summarize", "see creator.prepare")
    texts = tuple(row.warning for row in rows if row.saturated is not None and row.saturated > threshold)
    if texts:
        more = f"; and {len(texts) - 1} more" if len(texts) > 1 else ""
        warnings.warn(f"{texts[0]}{more}", UserWarning, stacklevel=2)
    return Summary(rows, texts, threshold)


def _row(meter: Meter) -> Row | None:
    """What a meter has seen; ``None`` if that is nothing."""
    total, fmt = meter.total, meter.format
    if total is None:
        return None
    below, above = total.below / total.count, total.above / total.count
    known = meter.choice is not None
    name = type(meter.choice).__name__ if fmt is None else str(fmt)
    return Row(
        module=meter.path,
        slot=meter.slot,
        format=name if known else "grid of the sum",
        elements=total.count,
        low=total.low,
        high=total.high,
        used=None if fmt is None else used(total, fmt),
        saturated=None if fmt is None else below + above,
        below=None if fmt is None else below,
        above=None if fmt is None else above,
        zero=total.zeros / total.count if known else None,
        underflow=total.lost / total.count if known else None,
        sqnr_db=total.sqnr if known else None,
        histogram=total.histogram,
        range=None if fmt is None else ends(fmt),
        in_codes=has_channels(fmt),
        rectifies=meter.rectifies,
    )

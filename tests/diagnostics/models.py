"""What the tests of this folder share: models, data, and figures from their definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from creator import CreatorError, FixedPoint, nn
from creator.affine import Affine, Format
from creator.diagnostics import Row, Summary
from creator.quantize.quantizer import Quantizer

P = FixedPoint
G = P(8, 10)

IMAGES = torch.randn(20, 2, 6, 6, generator=torch.Generator().manual_seed(4))
POINTS = torch.randn(40, 6, generator=torch.Generator().manual_seed(6)).requires_grad_()
TARGETS = torch.randint(0, 3, (40,), generator=torch.Generator().manual_seed(7))


class Net(torch.nn.Module):
    """Linear + normalisation + ReLU, linear + ReLU, linear, tanh; the same paths in floating point and quantized."""

    def __init__(self, quantized: bool, unsigned: bool = False) -> None:
        super().__init__()
        own: Any = nn if quantized else torch.nn
        formats = {"weight": P(8, 6)} if quantized else {}
        first = {"output": P(8, 4, signed=False)} if quantized and unsigned else {}
        self.entry = nn.Quantize(P(8, 5)) if quantized else torch.nn.Identity()
        self.fc1 = own.Linear(10, 8, **formats, **first)
        self.norm = own.BatchNorm1d(8)
        self.fc2 = own.Linear(8, 6, **formats)
        self.fc3 = own.Linear(6, 4, **formats)
        self.tanh = nn.Tanh(P(8, 7)) if quantized else torch.nn.Tanh()
        self.unsigned = quantized and unsigned

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.fc1(self.entry(x)))
        x = torch.relu(self.fc2(x if self.unsigned else torch.relu(x)))
        return self.tanh(self.fc3(x))  # type: ignore[no-any-return]


def pair(unsigned: bool = False) -> tuple[Net, Net]:
    """The quantized model and the floating-point one with the same parameters and statistics, in evaluation mode."""
    torch.manual_seed(0)
    model, reference = Net(True, unsigned), Net(False)
    with torch.no_grad():
        model.norm.running_mean.uniform_(-0.2, 0.2)
        model.norm.running_var.uniform_(0.5, 2.0)
    reference.load_state_dict(model.state_dict(), strict=False)
    return model.eval(), reference.eval()


def network(mode: str = "plain") -> torch.nn.Sequential:
    torch.manual_seed(3)
    model = torch.nn.Sequential(
        nn.Quantize(P(8, 5)),
        nn.Conv2d(2, 3, 3, weight=P(5, 4), bias=P(7, 5), output=P(6, 3, signed=False)),
        nn.BatchNorm2d(3),
        torch.nn.Flatten(),
        torch.nn.Dropout(0.5),
        nn.Linear(48, 7, weight=P(6, 5), output=P(6, 4)),
        nn.Tanh(P(8, 7)),
    )
    with torch.no_grad():
        model[2].running_mean.uniform_(-0.3, 0.3)
        model[2].running_var.uniform_(0.2, 1.5)
        model[2].weight.uniform_(0.5, 2.0)
        model[2].bias.uniform_(-0.5, 0.5)
    if mode == "fused":
        model[1].fuse(model[2])
    return model


def trained(**choices: Any) -> torch.nn.Sequential:
    torch.manual_seed(5)
    return torch.nn.Sequential(
        nn.Quantize(P(8, 5), gradient=G),
        nn.Linear(6, 5, weight=P(8, 6), output=P(8, 4), **choices),
        nn.Tanh(P(8, 7), gradient=P(9, 10)),
        nn.Linear(5, 3, weight=P(8, 6), output=P(6, 4), **choices),
    )


def cross_entropy(y: torch.Tensor) -> torch.Tensor:
    return 8 * F.cross_entropy(y, TARGETS)


class Learned(Quantizer):
    """Takes its scale from the first values that it sees, counts calls, and has a format from then on."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    @property
    def format(self) -> Format:
        if not self.calls:
            raise CreatorError("nothing seen yet")
        return P(8, -int(self.scale.detach().log2()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.calls:
            assert self.training
            self.scale.data = 2.0 ** (x.detach().abs().max().log2().ceil() - 7)
        self.calls += 1
        return (x / self.scale).round().clamp(-128, 127) * self.scale


def find(summary: Summary, module: str, slot: str = "output") -> Row:
    (row,) = [row for row in summary.rows if (row.module, row.slot) == (module, slot)]
    return row


def expected(x: Any, fmt: Format, rectifies: bool = False) -> dict[str, Any]:
    """The figures from their definitions, half to even, with the arithmetic of creator.formats."""
    x = np.asarray(torch.as_tensor(x).detach().double())
    scale = fmt.step if isinstance(fmt, FixedPoint) else fmt._shaped(x.ndim)
    zero = fmt.zero_point if isinstance(fmt, Affine) else 0
    codes, q = np.rint(x / scale) + zero, fmt.from_integers(fmt.to_integers(x))
    kept = np.maximum(x, 0) if rectifies else x
    below, above = (codes < fmt.min_code) & (not rectifies), codes > fmt.max_code
    units = x / scale + zero
    reach = np.clip([min(units.min(), zero), max(units.max(), zero)], fmt.min_code, fmt.max_code)
    noise = np.square(kept - q).sum()
    return {
        "format": str(fmt), "elements": x.size, "low": x.min(), "high": x.max(),
        "used": (reach[1] - reach[0]) / (fmt.max_code - fmt.min_code),
        "saturated": (below | above).mean(), "below": below.mean(), "above": above.mean(),
        "zero": (q == 0).mean(), "underflow": ((q == 0) & (kept != 0)).mean(),
        "sqnr_db": 10 * math.log10(np.square(kept).sum() / noise) if noise else math.inf,
    }  # fmt: skip


def check(row: Row, x: Any, fmt: Format, rectifies: bool = False) -> None:
    wanted = expected(x, fmt, rectifies)
    assert row.format == wanted.pop("format")
    found = {name: getattr(row, name) for name in wanted}
    assert found == pytest.approx(wanted, rel=1e-9, abs=0), (row.module, row.slot)
    assert row.histogram.counts.sum() == row.elements
    assert row.rectifies == rectifies

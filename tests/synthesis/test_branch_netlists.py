"""Forks, queues and joins: their netlists give the integers of the VHDL and of the graph."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import creator
from creator import FixedPoint, nn
from tests.cases import Residual
from tests.synthesis.test_netlists import agree

F = FixedPoint


class Gates(torch.nn.Module):
    """A sum, a part of it, a product, and a concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.entry, self.first, self.second = nn.Quantize(F(6, 3)), nn.Linear(4, 4), nn.Linear(4, 2)
        self.sum, self.product, self.narrow = nn.Add(F(6, 3)), nn.Multiply(F(6, 3)), nn.Quantize(F(6, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.entry(x)
        y = torch.relu(self.sum(self.first(x), x))
        return torch.cat([self.product(self.second(y), y[:, 1:3]), y], 1)


def residual() -> torch.nn.Module:
    return Residual(F(6, 3), nn.Linear(4, 4, output=F(6, 3)), nn.Subtract(F(6, 2)))


@pytest.mark.parametrize(
    ("kind", "target", "options"),
    [(Gates, "ecp5-25k", {"parallelism": 8}), (residual, "ice40-up5k", {})],
    ids=["gates", "residual"],
)
def test_the_netlist_gives_the_integers_of_the_graph(kind, target: str, options: dict, tmp_path: Path, record_property) -> None:
    torch.manual_seed(2)
    design = creator.translate(creator.trace(kind().eval(), (4,)), **options)
    _, _, compared = agree(design, target, tmp_path, 1)
    record_property("netlists", 1)
    record_property("netlists: integers compared", compared)

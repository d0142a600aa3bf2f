"""Slopes, polynomials and tables that shrank: their netlists give the integers of the VHDL and of the graph."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import creator
from creator import FixedPoint, nn
from tests.synthesis.test_netlists import agree

F = FixedPoint


def layers(*modules: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(1)
    model = torch.nn.Sequential(*modules)
    for layer in model:
        if isinstance(layer, nn.PReLU):
            torch.nn.init.uniform_(layer.weight, -1, 1)
    return model.eval()


SLOPES = layers(
    nn.Quantize(F(8, 4)), nn.PReLU(5, output=F(9, 4)), nn.LeakyReLU(0.3, F(8, 4), slope=F(8, 8)), nn.HardSigmoid(slope=F(8, 9))
)
POLYNOMIALS = layers(
    nn.Quantize(F(13, 9)), nn.SiLU(F(14, 9), input=F(13, 9)), nn.Tanh(F(8, 7), input=F(14, 9)), nn.Sigmoid(F(9, 8))
)
TABLES = layers(nn.Quantize(F(6, 2)), nn.Sigmoid(F(6, 3)), nn.Lookup(torch.square, F(7, 2)), nn.SiLU(F(9, 3)))


@pytest.mark.parametrize(
    ("model", "target"),
    [(SLOPES, "ecp5-25k"), (POLYNOMIALS, "ecp5-25k"), (TABLES, "ice40-up5k")],
    ids=["slopes", "polynomials", "tables"],
)
def test_the_netlist_gives_the_integers_of_the_graph(
    model: torch.nn.Module, target: str, tmp_path: Path, record_property
) -> None:
    design = creator.translate(creator.trace(model, (5,)))
    _, _, compared = agree(design, target, tmp_path, 1)
    record_property("netlists", 1)
    record_property("netlists: integers compared", compared)

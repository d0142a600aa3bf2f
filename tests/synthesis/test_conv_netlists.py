"""Netlists of convolutions, with rings, paddings and jumps, on every family: the integers of the VHDL and of the graph."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import creator
from creator import FixedPoint, nn
from tests.synthesis.test_netlists import agree

F = FixedPoint


def network() -> creator.Graph:
    """Padding, strides, a depthwise layer, an exchange of axes at the input, and a linear layer at the end."""
    torch.manual_seed(3)
    model = torch.nn.Sequential(
        nn.Quantize(F(6, 3)),
        nn.Conv2d(2, 4, 3, padding=1, weight=F(4, 3), output=F(6, 3)),
        nn.ReLU(),
        nn.Conv2d(4, 4, (1, 2), stride=2, groups=4, weight=F(5, 4), output=F(6, 3)),
        torch.nn.Flatten(),
        nn.Linear(16, 3, weight=F(4, 3), output=F(6, 2)),
    )
    return creator.trace(model.eval(), (2, 3, 4))


LANES = {"serial": {}, "lanes": {"lanes": {"1": (2, 2), "3": (2, 2)}}}


@pytest.mark.parametrize(
    ("target", "lanes"),
    [
        ("ecp5-25k", "lanes"),
        ("ice40-up5k", "serial"),
        pytest.param("ecp5-25k", "serial", marks=pytest.mark.extended),
        *(pytest.param(name, "lanes", marks=pytest.mark.extended) for name in ("gw1n-9c", "lifcl-40", "gw2a-18c")),
    ],
)
def test_a_netlist_of_convolutions_gives_the_integers_of_the_vhdl(
    target: str, lanes: str, tmp_path: Path, record_property
) -> None:
    design = creator.translate(network(), **LANES[lanes])
    _, _, compared = agree(design, target, tmp_path, 1)
    record_property("netlists", 1)
    record_property("netlists: integers compared", compared)

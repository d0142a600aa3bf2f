"""Pools, padding and upsampling: the netlist that synthesis leaves gives the integers of the VHDL and of the graph."""

from __future__ import annotations

from pathlib import Path

import pytest

import creator
from creator import FixedPoint
from creator.affine import Affine
from creator.ops import MaxPool, Pad, SumPool, Upsample
from tests.graph.chains import chain
from tests.synthesis.test_netlists import agree

F = FixedPoint
NETWORKS = {
    "overlapping maxima": (chain(MaxPool((3, 3), (2, 2), (1, 1), (1, 1)), shape=(5, 6, 5), entry=F(5, 2)), {}),
    "maxima in registers and lanes": (
        chain(MaxPool((3, 2), (1, 2), (1, 0), (1, 0)), shape=(4, 4, 4), entry=F(5, 2, signed=False)),
        {"lanes": {"layer.0": 2}},
    ),
    "sums of differences": (chain(SumPool((2, 3), (2, 3), (0, 1), (0, 1), 0), shape=(4, 6, 4), entry=Affine(0.1, 9, 5)), {}),
    "sums of unsigned differences": (
        chain(SumPool((2,), (1,), (1,), (1,), 0), shape=(5, 5), entry=Affine(0.1, -16, 5)), {"lanes": {"layer.0": 5}}),
    "padding and steps": (chain(Pad((1, 0), (0, 2), (2, 1), -3), shape=(3, 3, 2), entry=F(5, 2)), {}),
    "nearest upsampling": (chain(Upsample((2, 3)), shape=(3, 2, 3), entry=F(5, 2)), {}),
}  # fmt: skip


@pytest.mark.parametrize("target", ["ecp5-25k", pytest.param("ice40-up5k", marks=pytest.mark.extended)])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_netlist_gives_the_integers_of_the_vhdl(name: str, target: str, tmp_path: Path, record_property) -> None:
    graph, options = NETWORKS[name]
    _, _, compared = agree(creator.translate(graph, **options), target, tmp_path, sum(name.encode()))
    record_property("netlists", 1)
    record_property("netlists: integers compared", compared)

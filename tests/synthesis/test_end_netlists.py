"""Comparisons, softmax and thresholds, and what moves beats: their netlists give the integers of the VHDL and of the graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import creator
from creator import FixedPoint, Rounding, nn
from creator.affine import Affine
from creator.graph import Builder
from creator.ops import ArgMax, Concatenate, Microscale, Permute, Slice, Softmax, TensorType, Threshold, Top1
from tests.graph.chains import ENTRY, chain, linear, quantize
from tests.synthesis.test_netlists import agree

F = FixedPoint
EXPONENTIALS = np.rint(200 * np.exp(-np.arange(24) / 4)).astype(np.int64)
"""Entries of a softmax of codes in quarters; a difference of 24 and more is beyond them."""

EACH = np.array([[-9, 0, 4], [-32, 3, 31], [1, 2, 32], [-5, -5, 6], [0, 10, 20]])
"""Thresholds for each of five channels, the highest one of them never reached."""


def moved() -> creator.Graph:
    """Rows cut, joined with others beat by beat, and their axes exchanged inside the network."""
    builder = Builder(TensorType((4, 6), F(6, 3)))
    narrow = builder.add(quantize(F(5, 2)), builder.input, ("narrow",))
    part = builder.add(Slice(1, 2, 6), narrow, ("part",))
    joined = builder.add(Concatenate(0), (part, part), ("rows",))
    swapped = builder.add(Permute((1, 0)), joined, ("swapped",))
    tail = builder.add(Slice(0, 1, 3), swapped, ("tail",))
    wide = builder.add(Concatenate(1), (tail, tail), ("wide",))
    return builder.graph(builder.add(quantize(F(4, 1)), wide, ("end",)))


NETWORKS = {
    "softmax after a layer": (chain(linear(4, 6, output=ENTRY), Softmax(EXPONENTIALS, F(8, 8, signed=False)), shape=(4,)), {}),
    "softmax in lanes that do not divide": (
        chain(Softmax(EXPONENTIALS, F(7, 6)), shape=(7,), entry=F(6, 2)), {"lanes": {"layer.0": 3}}),
    "softmax of rows": (
        chain(Softmax(EXPONENTIALS[:7], F(4, 4, signed=False)), shape=(3, 4), entry=Affine(0.3, 5, 4, False)),
        {"lanes": {"layer.0": 2}},
    ),
    "argmax": (chain(ArgMax(), shape=(11,), entry=F(4, 1)), {"lanes": {"layer.0": 4}}),
    "argmax of rows at once": (chain(ArgMax(), shape=(6, 3), entry=F(3, 1, signed=False)), {"lanes": {"layer.0": 6}}),
    "top1": (chain(linear(4, 7, output=ENTRY), Top1(), shape=(4,)), {"lanes": {"layer.1": 2}}),
    "top1 of rows": (chain(Top1(), shape=(3, 5), entry=F(5, 2)), {}),
    "thresholds": (chain(Threshold(EACH[1:2]), shape=(5,), entry=F(6, 2)), {"lanes": {"layer.0": 2}}),
    "thresholds for each channel": (chain(Threshold(EACH), shape=(2, 5), entry=F(6, 2)), {"lanes": {"layer.0": 2}}),
    "microscaling": (
        chain(linear(3, 6, output=ENTRY), Microscale(3, 2, 2, 3, -3, Rounding.HALF_EVEN), shape=(3,)), {}),
    "microscaling of integers, two lanes": (
        chain(Microscale(4, 3, 0, 7, -8, Rounding.FLOOR), shape=(2, 4), entry=F(7, 2)), {"lanes": {"layer.0": 2}}),
    "rows cut, joined and exchanged": (moved(), {}),
}  # fmt: skip


@pytest.mark.parametrize("target", ["ecp5-25k", pytest.param("ice40-up5k", marks=pytest.mark.extended)])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_netlist_gives_the_integers_of_the_vhdl(name: str, target: str, tmp_path: Path, record_property) -> None:
    graph, options = NETWORKS[name]
    _, _, compared = agree(creator.translate(graph, **options), target, tmp_path, sum(name.encode()))
    record_property("netlists", 1)
    record_property("netlists: integers compared", compared)


def test_a_classifier_with_softmax_is_placed_and_routed(tmp_path: Path) -> None:
    """It was at 172 MHz; 137 before registers stood behind its block RAMs and comparisons were signs of differences."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(nn.Quantize(F(8, 4)), nn.Linear(16, 10), nn.Softmax())
    design = creator.translate(creator.trace(model.eval(), (16,)))
    report = creator.synthesize(design.write(tmp_path / "build"), "ecp5-25k")
    assert report.fmax_mhz is not None
    assert report.fmax_mhz > 150

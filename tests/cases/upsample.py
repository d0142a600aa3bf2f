"""Every pixel several times: factors, lanes, one and two dimensions."""

from __future__ import annotations

from typing import Any

from creator import FixedPoint, nn
from creator.affine import Affine
from creator.ops import Upsample
from tests.cases import Case, GraphCase, sequential
from tests.graph.chains import chain

IN = FixedPoint(6, 2)


def up(name: str, shape: tuple[int, ...], lanes: int = 1, **arguments: Any) -> Case:
    return Case(name, lambda: sequential(nn.Quantize(IN), nn.Upsample(**arguments)), shape, {"lanes": {"1": lanes}})


CASES = [
    up("twice", (2, 3, 4), scale_factor=2),
    up("twice, one channel", (1, 3, 4), scale_factor=2),
    up("three times", (3, 2, 3), scale_factor=3),
    up("rows alone", (2, 3, 2), scale_factor=(3, 1)),
    up("columns alone", (2, 3, 2), scale_factor=(1, 2)),
    up("to a size", (2, 2, 3), size=(8, 9)),
    up("1 dimension", (2, 4), scale_factor=2),
    up("1 dimension, one channel, five times", (1, 3), scale_factor=5),
    up("one pixel", (1, 1, 1), scale_factor=4),
    up("nearest-exact", (2, 2, 3), scale_factor=2, mode="nearest-exact"),
    up("lanes", (6, 2, 3), scale_factor=2, lanes=2),
    up("all channels at once", (4, 2, 3), scale_factor=(2, 3), lanes=4),
    Case("of two dimensions", lambda: sequential(nn.Quantize(IN), nn.UpsamplingNearest2d(scale_factor=2)), (2, 3, 2)),
    Case("and pooled again", lambda: sequential(nn.Quantize(IN), nn.Upsample(scale_factor=2), nn.MaxPool2d(2)), (3, 3, 2)),
    GraphCase("arbitrary scale", lambda: chain(Upsample((2, 2)), shape=(2, 3, 2), entry=Affine(0.1, 3, 5))),
]

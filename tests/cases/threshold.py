"""Thresholds: one and several, for all and for each channel, never and always reached, lanes that do not divide."""

from __future__ import annotations

import numpy as np
import torch

from creator import FixedPoint, nn
from creator.affine import Affine
from creator.ops import Threshold
from tests.cases import Case, GraphCase, sequential
from tests.graph.chains import chain

F = FixedPoint
IN = F(6, 2)


def end(name: str, layer: nn.MultiThreshold, shape: tuple[int, ...] = (5,), lanes: int = 1, entry: FixedPoint = IN) -> Case:
    return Case(name, lambda: sequential(nn.Quantize(entry), layer), shape, {"lanes": {"1": lanes}})


CASES = [
    end("greater than zero", nn.Greater(0.0)),
    end("greater than what lies between codes", nn.Greater(1.3), lanes=2),
    end("a threshold for each channel", nn.Greater([0.0, -8.0, 7.75, -100.0, 3.0])),
    end("a threshold for each channel, lanes", nn.Greater([0.0, -8.0, 7.75, 100.0, 3.0]), lanes=3),
    end("a threshold for each channel, all lanes", nn.Greater([0.0, -8.0, 7.75, 100.0, 3.0]), lanes=5),
    end("one element", nn.Greater(1.0), (1,)),
    end("unsigned", nn.Greater(1.0), entry=F(4, 1, signed=False)),
    end("one bit", nn.Greater(-1.0), entry=F(1, 0)),
    end("symmetric", nn.MultiThreshold([-1.5, 0.0, 1.0]), entry=F(3, 1, symmetric=True)),
    end("two", nn.MultiThreshold([0.25, -3.0])),
    end("three, one twice", nn.MultiThreshold([1.0, 1.0, -2.0]), lanes=2),
    end("seven", nn.MultiThreshold([-6.0, -3.0, -1.0, 0.0, 0.5, 2.0, 5.0]), lanes=4),
    end("never and always", nn.MultiThreshold([-1000.0, 1000.0, -8.0, 7.75])),
    end("all the same for each channel", nn.MultiThreshold([[1.0, 2.0]] * 5), lanes=2),
    end("five for each of three channels", nn.MultiThreshold(np.arange(15).reshape(3, 5) - 7.0), (3,), 2),
    end("channels of rows", nn.MultiThreshold([[0.0, 2.0], [1.0, -1.0]]), (2, 3), 1),
    end("unsigned, for each channel", nn.MultiThreshold([[0.0, 2.0], [1.0, 9.0]]), (2,), 2, F(5, 2, signed=False)),
    Case("a classifier of two classes", lambda: sequential(nn.Quantize(IN), nn.Linear(4, 1), nn.Greater(0.5)), (4,)),
    Case("torch's, a limit", lambda: sequential(nn.Quantize(IN), torch.nn.Threshold(1.3, 1.25), nn.Greater(2)), (4,)),
    Case("torch's, a table", lambda: sequential(nn.Quantize(IN), torch.nn.Threshold(1.5, -2.0), nn.Greater(1)), (4,)),
    Case("layers after it", lambda: sequential(
        nn.Quantize(IN), nn.MultiThreshold([-2.0, 0.0, 2.0]), nn.Linear(5, 3), nn.ArgMax()), (5,)),
    GraphCase(
        "an arbitrary scale",
        lambda: chain(Threshold(np.array([[0, 3, 8], [1, 1, 7]])), shape=(3, 2), entry=Affine(0.3, 5, 3, False)),
        {"lanes": {"layer.0": 3}},
    ),
]  # fmt: skip

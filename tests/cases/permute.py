"""Exchanges of axes: at the ends of the network, where they are the order of a stream, and inside, where they are hardware."""

from __future__ import annotations

import torch

from creator import FixedPoint, nn
from creator.graph import Graph
from creator.ops import Clamp, Permute, Reshape
from tests.cases import Case, GraphCase, constants, sequential
from tests.graph.chains import chain

F = FixedPoint


class Turned(torch.nn.Module):
    """A layer over the other axis than the one before."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = nn.Quantize(F(8, 4))
        self.first = nn.Conv1d(3, 4, 2, weight=F(6, 5))
        self.second = nn.Conv1d(5, 2, 2, weight=F(6, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, 3, 6) to (batch, 4, 5), turned to (batch, 5, 4), to (batch, 2, 3)."""
        return self.second(self.first(self.entry(x)).transpose(1, 2))


def between(axes: tuple[int, ...], shape: tuple[int, ...]) -> Graph:
    """An exchange of axes with something on both sides, so that it is no end of the network."""
    return chain(Clamp(-100, 100), Permute(axes), Clamp(-90, 90), shape=shape)


CASES = [
    Case("turned between layers", Turned, (3, 6)),
    Case("at both ends", lambda: sequential(nn.Quantize(F(8, 4)), nn.Conv2d(3, 2, 2)), (3, 4, 3)),
    Case("image kept as it is", lambda: sequential(nn.Quantize(F(8, 4)), nn.Conv2d(2, 2, 1), nn.Sigmoid()), (2, 3, 2)),
    *(
        constants(
            kind.__name__,
            lambda m, x: m.last(m.shuffle(m.first(x))),
            shape,
            lambda k=kind, g=given, c=channels: {
                "first": nn.Conv2d(2, c[0], 1),
                "shuffle": k(g),
                "last": nn.Conv2d(c[1], 2, 1),
            },
        )
        for kind, given, channels, shape in (
            (nn.PixelShuffle, 2, (8, 2), (2, 2, 3)),
            (nn.PixelUnshuffle, 2, (2, 8), (2, 2, 4)),
            (nn.ChannelShuffle, 2, (6, 6), (2, 2, 2)),
        )
    ),
    GraphCase("rows of their own", lambda: between((0, 2, 1), (3, 2, 4))),
    GraphCase("two rows of two axes", lambda: between((0, 1, 3, 2), (1, 2, 3, 2))),
    GraphCase("two axes", lambda: between((1, 0), (3, 4))),
    GraphCase("two elements", lambda: between((1, 0, 2), (2, 1, 1))),
    GraphCase("three axes", lambda: between((2, 0, 1), (3, 2, 4))),
    GraphCase("three axes, the other way", lambda: between((1, 2, 0), (2, 3, 5))),
    GraphCase("four axes, one of them of size 1", lambda: between((3, 1, 0, 2), (2, 1, 3, 2))),
    GraphCase("at the input only", lambda: chain(Permute((1, 0)), Reshape((12,)), Clamp(-9, 9), shape=(3, 4))),
    GraphCase("at the output only", lambda: chain(Clamp(-9, 9), Permute((1, 0)), shape=(3, 4))),
]

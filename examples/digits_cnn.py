"""A convolutional network with few bits: residual block, depthwise-separable layers, handwritten digits.

Trains in floating point, then with 5-bit weights and activations whose scales are learned powers of two; then the whole road
to a bitstream. Run by ``make demo-cnn``; everything is written to ``demo/digits_cnn``.
"""

from __future__ import annotations

import sys

import torch
from road import PIXEL, carry, classified, digits, fine_tuned, learned_bits, main, parser, seed, trained
from torch.nn import BatchNorm2d, Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential

from creator import nn

BITS = 5
SHAPE = (1, 8, 8)
INTERVAL = 2304
"""Cycles from one image to the next: 1 multiplier for a depthwise layer, 1 to 4 for the others."""


def separable(inputs: int, outputs: int) -> list[torch.nn.Module]:
    """A depthwise convolution of 3 x 3 pixels, and a pointwise one."""
    depthwise = [Conv2d(inputs, inputs, 3, padding=1, groups=inputs), BatchNorm2d(inputs), ReLU()]
    return [*depthwise, Conv2d(inputs, outputs, 1), BatchNorm2d(outputs), ReLU()]


class Network(torch.nn.Module):
    """Scores (batch, 10) of images (batch, 1, 8, 8)."""

    def __init__(self) -> None:
        super().__init__()
        self.pixels = nn.Quantize(PIXEL)
        self.stem = Sequential(Conv2d(1, 16, 3, padding=1), BatchNorm2d(16), ReLU(), MaxPool2d(2))
        self.block = Sequential(*separable(16, 16)[:-1])  # the last ReLU comes after the sum
        self.widen = Sequential(*separable(16, 32), MaxPool2d(2), Flatten())
        self.scores = Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The scores of images."""
        x = self.stem(self.pixels(x))
        x = torch.relu(x + self.block(x))
        return self.scores(self.widen(x))


def example() -> int:
    """Trains, translates, simulates, synthesizes, and prints one table."""
    options = parser(__doc__, "demo/digits_cnn", "ecp5-25k", epochs=25).parse_args()
    x_train, y_train, x_test, y_test = digits()
    x_train, x_test = x_train.reshape(-1, *SHAPE), x_test.reshape(-1, *SHAPE)

    print(f"1. Train on {len(x_train)} images", file=sys.stderr)
    seed()
    floating = trained(Network(), "floating point", x_train, y_train, options.epochs)
    formats = learned_bits(BITS, BITS, {"scores": 8})
    quantized = fine_tuned(floating, formats, x_train, y_train, options.epochs)

    print("2. Translate, simulate, synthesize", file=sys.stderr)
    arrival = carry(quantized, "digits_cnn", SHAPE, x_test, options, INTERVAL, bench="vhdl")
    models = {"floating point": floating, "quantized PyTorch": quantized}
    return classified(f"Handwritten digits, CNN, {BITS} bits", models, arrival, x_test, y_test)


if __name__ == "__main__":
    main(example)

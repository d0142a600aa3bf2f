"""An autoencoder with transposed convolutions: an image of 64 pixels through a code of 16 numbers of 4 bits, and back.

Trains on handwritten digits in floating point, then with 4-bit weights and activations; then the whole road to a bitstream.
Run by ``make demo-autoencoder``; everything is written to ``demo/autoencoder``.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from road import PIXEL, carry, digits, fine_tuned, finished, learned_bits, main, outputs, parser, seed, trained
from torch.nn import BatchNorm2d, Conv2d, ConvTranspose2d, ReLU, Sequential

from creator import FixedPoint, nn

BITS = 4
SHAPE = (1, 8, 8)
BRIGHTNESS = FixedPoint(8, 8, signed=False)
INTERVAL = 2304
"""Cycles from one image to the next."""


class Network(torch.nn.Module):
    """Images (batch, 1, 8, 8) to images, through codes (batch, 4, 2, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.pixels = nn.Quantize(PIXEL)
        self.encoder = Sequential(
            *(Conv2d(1, 16, 3, stride=2, padding=1), BatchNorm2d(16), ReLU()),
            *(Conv2d(16, 4, 3, stride=2, padding=1), BatchNorm2d(4), ReLU()),
        )
        self.decoder = Sequential(ConvTranspose2d(4, 16, 4, stride=2, padding=1), ReLU())
        self.image = ConvTranspose2d(16, 1, 4, stride=2, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The images again."""
        return self.image(self.decoder(self.encoder(self.pixels(x))))


def error(images: np.ndarray, x: torch.Tensor) -> float:
    """Root of the mean square of what images differ from ``x``, in grey levels of 16."""
    return float(16 * np.sqrt(np.mean((images - x.numpy()) ** 2)))


def example() -> int:
    """Trains, translates, simulates, synthesizes, and prints one table."""
    options = parser(__doc__, "demo/autoencoder", "ecp5-25k", epochs=40).parse_args()
    x_train, _, x_test, _ = digits()
    x_train, x_test = x_train.reshape(-1, *SHAPE), x_test.reshape(-1, *SHAPE)

    print(f"1. Train on {len(x_train)} images", file=sys.stderr)
    seed()
    loss = torch.nn.MSELoss()
    floating = trained(Network(), "floating point", x_train, x_train, options.epochs, loss)
    formats = learned_bits(BITS, BITS, {"image": BRIGHTNESS})
    quantized = fine_tuned(floating, formats, x_train, x_train, options.epochs, loss)

    print("2. Translate, simulate, synthesize", file=sys.stderr)
    arrival = carry(quantized, "autoencoder", SHAPE, x_test, options, INTERVAL, bench="vhdl")
    simulated = BRIGHTNESS.from_integers(arrival.run.outputs).reshape(-1, *SHAPE)
    mean = x_train.mean(0).numpy()
    rows = [
        ("error, the mean image for all", f"{error(mean, x_test):.2f} of 16 grey levels"),
        ("error, floating point", f"{error(outputs(floating, x_test), x_test):.2f}"),
        ("error, quantized PyTorch", f"{error(outputs(quantized, x_test), x_test):.2f}"),
        ("error, VHDL", f"{error(simulated, x_test[: len(simulated)]):.2f}"),
    ]
    return finished(f"Digits through 16 numbers of {BITS} bits and back", rows, arrival)


if __name__ == "__main__":
    main(example)

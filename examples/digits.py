"""The whole road on real data: trains a quantized classifier of handwritten digits and carries it to an FPGA.

Run by ``make demo``; everything is written to ``demo/``.
"""

from __future__ import annotations

import sys

import torch
from road import PIXEL, carry, classified, digits, main, parser, seed, trained

from creator import FixedPoint, nn

WEIGHT = FixedPoint(6, 4)
BIAS = FixedPoint(10, 6)
HIDDEN = FixedPoint(8, 4)
SCORE = FixedPoint(8, 3)

EPOCHS = 40


def quantized_model() -> torch.nn.Sequential:
    """64 pixels, two hidden layers, 10 scores: 6-bit weights, 8-bit activations."""
    return torch.nn.Sequential(
        nn.Quantize(PIXEL),
        nn.Linear(64, 32, bias=BIAS, weight=WEIGHT, output=HIDDEN),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Linear(32, 32, bias=BIAS, weight=WEIGHT, output=HIDDEN),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Linear(32, 10, bias=BIAS, weight=WEIGHT, output=SCORE),
    )


def float_model() -> torch.nn.Sequential:
    """The same network in floating point."""
    return torch.nn.Sequential(
        torch.nn.Linear(64, 32),
        torch.nn.BatchNorm1d(32),
        torch.nn.ReLU(),
        torch.nn.Linear(32, 32),
        torch.nn.BatchNorm1d(32),
        torch.nn.ReLU(),
        torch.nn.Linear(32, 10),
    )


def example() -> int:
    """Trains, translates, simulates, synthesizes, and prints one table."""
    options = parser(__doc__, "demo", "ecp5-25k", EPOCHS).parse_args()
    x_train, y_train, x_test, y_test = digits()
    print(f"1. Train on {len(x_train)} images", file=sys.stderr)
    models = {}
    for title, make in {"floating point": float_model, "quantized PyTorch": quantized_model}.items():
        seed()
        models[title] = trained(make(), title, x_train, y_train, options.epochs)

    print("2. Translate, simulate, synthesize", file=sys.stderr)
    arrival = carry(models["quantized PyTorch"], "digits", (64,), x_test, options)
    return classified("Handwritten digits, 64-32-32-10", models, arrival, x_test, y_test)


if __name__ == "__main__":
    main(example)

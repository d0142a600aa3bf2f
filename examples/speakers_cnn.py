"""A one-dimensional convolutional network that tells nine speakers apart by two vowels.

Data: the Japanese Vowels of Kudo, Toyama and Shimbo (UCI, CC BY 4.0), as sktime ships them: utterances of /ae/ by nine men,
each up to 29 frames of 12 coefficients of a linear prediction; 270 to train on and 370 to test on. Needs
``pip install -e '.[examples]'``. Run by ``make demo-speakers``; everything is written to ``demo/speakers_cnn``.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from road import carry, classified, fine_tuned, learned_bits, main, parser, seed, trained
from torch import Tensor
from torch.nn import AdaptiveAvgPool1d, BatchNorm1d, Conv1d, Flatten, Linear, ReLU, Sequential

from creator import FixedPoint, nn

BITS = 4
COEFFICIENT = FixedPoint(6, 4)
SHAPE = (12, 29)
INTERVAL = 2088
"""Cycles from one utterance to the next."""


def speakers(split: str) -> tuple[Tensor, Tensor]:
    """Utterances (n, 12, 29), zeros behind the shorter ones, and who speaks (n,); ``split`` is "train" or "test"."""
    from sktime.datasets import load_japanese_vowels

    table, names = load_japanese_vowels(split=split, return_X_y=True)
    series = [np.stack(list(row)) for row in table.to_numpy()]
    padded = np.stack([np.pad(one, ((0, 0), (0, SHAPE[1] - one.shape[1]))) for one in series])
    return torch.from_numpy(padded).float(), torch.from_numpy(names.astype(np.int64) - 1)


def network() -> Sequential:
    """Scores (batch, 9) of utterances (batch, 12, 29)."""
    return Sequential(
        nn.Quantize(COEFFICIENT),
        *(Conv1d(12, 16, 3, padding=1), BatchNorm1d(16), ReLU()),
        *(Conv1d(16, 32, 3, stride=2, padding=1), BatchNorm1d(32), ReLU()),
        *(Conv1d(32, 32, 3, stride=2, padding=1), BatchNorm1d(32), ReLU()),
        AdaptiveAvgPool1d(1),
        Flatten(),
        Linear(32, 9),
    )


def example() -> int:
    """Trains, translates, simulates, synthesizes, and prints one table."""
    options = parser(__doc__, "demo/speakers_cnn", "ecp5-25k", epochs=60).parse_args()
    x_train, y_train = speakers("train")
    x_test, y_test = speakers("test")

    print(f"1. Train on {len(x_train)} utterances", file=sys.stderr)
    seed()
    floating = trained(network(), "floating point", x_train, y_train, options.epochs)
    formats = learned_bits(BITS, BITS, {"12": 8})  # 8 bits for the scores
    quantized = fine_tuned(floating, formats, x_train, y_train, options.epochs)

    print("2. Translate, simulate, synthesize", file=sys.stderr)
    arrival = carry(quantized, "speakers_cnn", SHAPE, x_test, options, INTERVAL, bench="vhdl")
    models = {"floating point": floating, "quantized PyTorch": quantized}
    return classified(f"Speakers, CNN, {BITS} bits", models, arrival, x_test, y_test)


if __name__ == "__main__":
    main(example)

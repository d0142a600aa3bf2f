"""What both systems are given: one network, its parameters as codes, and the test vectors. Needs NumPy only."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]

SIZES = (16, 64, 32, 32, 5)
TOTAL_BITS, FRAC_BITS = 8, 4
LOW, HIGH = -(1 << (TOTAL_BITS - 1)), (1 << (TOTAL_BITS - 1)) - 1

SEED = 0
VECTORS = 300
"""Of each kind."""

UNBIASED_VECTORS = 100
"""Of each kind, for the same network with all biases zero."""


def parameters(biased: bool = True) -> list[tuple[Codes, Codes]]:
    """Weights (out, in) and biases (out,) of every layer: weights normal with variance 2 / in, biases within +-0.5 or 0."""
    generator = np.random.default_rng(SEED)
    scale = 1 << FRAC_BITS
    layers = []
    for inputs, outputs in pairwise(SIZES):
        weights = generator.normal(0.0, (2 / inputs) ** 0.5 * scale, (outputs, inputs))
        biases = generator.integers(-scale // 2, scale // 2, outputs, endpoint=True)
        layers.append((np.clip(np.rint(weights), LOW, HIGH).astype(np.int64), biased * biases.astype(np.int64)))
    return layers


def vectors(count: int = VECTORS) -> dict[str, Codes]:
    """Input codes (count, 16) by kind."""
    generator = np.random.default_rng(SEED + 1)
    shape, half = (count, SIZES[0]), (1 << FRAC_BITS) // 2
    return {
        "small": generator.integers(-half, half, shape, endpoint=True),
        "full range": generator.integers(LOW, HIGH, shape, endpoint=True),
        "saturating": np.where(generator.integers(0, 2, shape) == 1, HIGH, LOW).astype(np.int64),
    }

"""What the layers' tests share: seeded data, and the codes of a layer's values."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch

from creator import FixedPoint, Overflow, Rounding
from tests.oracle import code_of, limited, power, rounded


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def codes_of(values: torch.Tensor, fmt: FixedPoint) -> np.ndarray:
    """The codes that exact values of ``fmt`` stand for, checked to be integers of the format."""
    scaled = np.ldexp(values.detach().double().numpy(), fmt.frac_bits)
    assert (scaled == np.rint(scaled)).all()
    return fmt.check(scaled.astype(np.int64), "values")


def random_codes(shape: tuple[int, ...], fmt: FixedPoint, seed: int) -> np.ndarray:
    """Codes from all over the range, both ends included."""
    codes = np.random.default_rng(seed).integers(fmt.min_code, fmt.max_code + 1, shape)
    codes.flat[0], codes.flat[-1] = fmt.max_code, fmt.min_code
    return codes


def nearest_codes(values: np.ndarray, fmt: FixedPoint) -> np.ndarray:
    """Codes of float64 values, to nearest even and saturating, as parameters are quantized."""
    flat = [code_of(v, fmt, Rounding.HALF_EVEN, Overflow.SATURATE) for v in values.reshape(-1).tolist()]
    return np.array(flat, dtype=np.int64).reshape(values.shape)


def integer_linear(
    x: np.ndarray, x_format: FixedPoint, weight: np.ndarray, weight_format: FixedPoint, bias: np.ndarray | None,
    bias_format: FixedPoint, output: FixedPoint, rounding: Rounding, overflow: Overflow,
) -> np.ndarray:  # fmt: skip
    """A linear layer on codes, on unbounded integers, rounded once."""
    products = x_format.frac_bits + weight_format.frac_bits
    frac_bits = products if bias is None else max(products, bias_format.frac_bits)
    sums = x.astype(object) @ weight.astype(object).T * 2 ** (frac_bits - products)
    if bias is not None:
        sums = sums + bias.astype(object) * 2 ** (frac_bits - bias_format.frac_bits)
    scale = power(output.frac_bits - frac_bits)
    flat = [limited(rounded(Fraction(s) * scale, rounding), output, overflow) for s in sums.reshape(-1)]
    return np.array(flat, dtype=np.int64).reshape(sums.shape)

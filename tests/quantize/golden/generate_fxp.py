"""Writes fxp.npz: fixed-point rounding by qtorch 0.3.0 and elasticai.creator 0.67.0.

Run in an environment of its own; qtorch compiles itself when it is imported::

    pip install torch==2.13.0 numpy ninja setuptools && pip install --no-deps qtorch==0.3.0 elasticai.creator==0.67.0
    python tests/quantize/golden/generate_fxp.py

For each format: the values, what qtorch makes of them (nearest, and stochastic after ``torch.manual_seed(SEED)``), and what
elasticai.creator does, with its gradients for a gradient of ones. ``u``: the uniform numbers that torch draws after that seed.
"""

from pathlib import Path

import numpy as np
import torch
from elasticai.creator_plugins.quantized_grads.fixed_point import quantize_to_fxp_hte, quantize_to_fxp_stochastic
from qtorch.quant import fixed_point_quantize

SEED = 7
FORMATS = [
    (8, 4, False), (8, 4, True), (4, 1, False), (6, 5, True), (16, 8, False), (12, 14, False), (8, -2, True), (2, 0, False),
    (5, 0, True), (24, 10, False), (3, -3, False), (1, 2, False), (20, 30, True),
]  # fmt: skip


def trial_values(wl, fl):
    """Ties, their neighbours, both ends of the range, and far beyond: in units of the last place, then scaled."""
    half = 2.0 ** (wl - 1)
    eighths = torch.arange(-36, 37) / 8
    units = torch.cat([eighths, eighths - half, eighths + half]).float()
    units = torch.cat([units, torch.nextafter(units, torch.tensor(np.inf)), torch.nextafter(units, torch.tensor(-np.inf))])
    noise = torch.randn(300, generator=torch.Generator().manual_seed(wl)) * half
    far = torch.tensor([0.0, -0.0, 1e-45, -1e-45, 1e-38, -1e-38, 1e30, -1e30, np.inf, -np.inf, np.nan])
    return torch.cat([units * 2.0**-fl, noise * 2.0**-fl, far])


def main():
    arrays = {"formats": np.array(FORMATS, dtype=np.int64), "seed": np.int64(SEED)}
    for wl, fl, symmetric in FORMATS:
        key, x = f"{wl}_{fl}_{int(symmetric)}", trial_values(wl, fl)
        arrays[f"x_{key}"] = x
        arrays[f"nearest_{key}"] = fixed_point_quantize(x, wl, fl, symmetric=symmetric, rounding="nearest")
        torch.manual_seed(SEED)
        arrays[f"stochastic_{key}"] = fixed_point_quantize(x, wl, fl, symmetric=symmetric, rounding="stochastic")
        torch.manual_seed(SEED)
        arrays["u"] = torch.rand_like(x)
        low = -(2.0 ** (wl - fl - 1))
        limits = [torch.tensor([value]) for value in (2.0**fl, low + symmetric * 2.0**-fl, -low - 2.0**-fl)]
        for name, function in (("hte", quantize_to_fxp_hte), ("elastic_stochastic", quantize_to_fxp_stochastic)):
            leaf = x.clone().requires_grad_()
            torch.manual_seed(SEED)
            y = function(leaf, *limits)
            y.backward(torch.ones_like(y))
            arrays[f"{name}_{key}"], arrays[f"{name}_grad_{key}"] = y.detach(), leaf.grad.bool()
    np.savez_compressed(Path(__file__).with_name("fxp.npz"), **{name: np.asarray(array) for name, array in arrays.items()})


if __name__ == "__main__":
    main()

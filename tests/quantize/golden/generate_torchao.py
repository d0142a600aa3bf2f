"""Writes torchao.npz: what torchao 0.18 makes of values in the microscaling formats.

In a fresh environment: ``pip install torch==2.13.0 torchao==0.18.0``, then
``python tests/quantize/golden/generate_torchao.py``. The values keep to where torchao follows the standard: no infinities.
"""

from pathlib import Path

import numpy as np
import torch
from torchao.prototype.mx_formats.config import ScaleCalculationMode
from torchao.prototype.mx_formats.mx_tensor import to_mx

ELEMENTS = {
    "MXFP8_E4M3": torch.float8_e4m3fn, "MXFP8_E5M2": torch.float8_e5m2, "MXFP6_E3M2": "fp6_e3m2", "MXFP6_E2M3": "fp6_e2m3",
    "MXFP4": torch.float4_e2m1fn_x2,
}  # fmt: skip


def values():
    """Rows of 64: normal numbers of many sizes, powers of two and their neighbours, ties, a NaN, zeros, subnormals."""
    generator = torch.Generator().manual_seed(18)
    x = torch.randn(24, 64, generator=generator) * torch.exp2(torch.randint(-100, 110, (24, 1), generator=generator).float())
    powers = torch.exp2(torch.randint(-6, 7, (4, 64), generator=generator).float())
    x[8:12] = powers
    x[12:14] = torch.nextafter(powers[:2], torch.zeros(()))
    x[14:16] = -torch.nextafter(powers[2:], torch.full((), torch.inf))
    x[16:20] = torch.randint(-64, 65, (4, 64), generator=generator) / 8.0
    x[20, 5], x[21, :32] = torch.nan, 0.0
    x[22] = torch.randn(64, generator=generator) * torch.exp2(torch.arange(64.0) - 100)
    x[23, 1:] = torch.randint(1, 1 << 20, (63,), generator=generator, dtype=torch.int32).view(torch.float32)
    return x


def main():
    x = values()
    arrays = {"x": x.numpy()}
    for name, element in ELEMENTS.items():
        for mode in (ScaleCalculationMode.FLOOR, ScaleCalculationMode.CEIL, ScaleCalculationMode.EVEN):
            scales, codes = to_mx(x, element, 32, mode)
            codes = codes.view(torch.uint8)
            if name == "MXFP4":
                codes = torch.stack([codes & 15, codes >> 4], -1).flatten(-2)
            arrays[f"{name}/{mode.value}/exponents"] = scales.view(torch.uint8).numpy()
            arrays[f"{name}/{mode.value}/elements"] = codes.numpy()
    np.savez_compressed(Path(__file__).with_name("torchao.npz"), **arrays)


if __name__ == "__main__":
    main()

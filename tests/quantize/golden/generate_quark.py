"""Writes quark.npz: what the kernels of AMD Quark 0.13 give on a CPU.

In a fresh environment with a C++ compiler: ``pip install torch==2.13.0 amd-quark==0.13 transformers accelerate``, then
``python tests/quantize/golden/generate_quark.py``. The first import compiles a kernel into ``TORCH_EXTENSIONS_DIR``. The values
keep to where the kernels follow their own formula: see ``creator/quantize/scaled.py`` and ``non_scaled.py`` for where not.
"""

from pathlib import Path

import numpy as np
import torch
from quark.torch.kernel import (
    DequantE4M3Function,
    DequantE5M2Function,
    DeQuantizeFunction,
    NonScaledFakeQuantizeFunction,
    NonScaledRealQuantizeFunction,
    QuantE4M3Function,
    QuantE5M2Function,
    ScaledFakeQuantizeFunction,
    ScaledRealQuantizeFunction,
)

RANGES = {"int4": (-8, 7), "uint4": (0, 15), "int8": (-128, 127), "uint8": (0, 255)}
FLOATS = ("fp8_e4m3", "fp8_e5m2")


def stored(tensor):
    """As an array; 8-bit floating point as its bytes."""
    return (tensor.view(torch.uint8) if tensor.dtype.itemsize == 1 and tensor.is_floating_point() else tensor).numpy()


def scaled(arrays, x, per):
    """Fake, real and dequantized, for each type and each of ``per``: scale, zero point, axis, group size."""
    for qscheme, (scale, zero, axis, group) in per.items():
        for name in (*RANGES, *FLOATS, "bfloat16", "float16", "fp4", "fp6_e2m3", "fp6_e3m2"):
            if name in FLOATS if qscheme == "per_group" else name.startswith(("fp4", "fp6")):
                continue
            low, high = RANGES.get(name, (0, 0))
            points = zero.clamp(low, high)
            key = f"scaled/{qscheme}/{name}"
            fake = ScaledFakeQuantizeFunction.apply(name, x, scale, points, axis, group, low, high, 8, qscheme, None)
            real = ScaledRealQuantizeFunction.apply(name, x, scale, points, axis, group, low, high, 8, qscheme)
            back = DeQuantizeFunction.apply(name, real, scale, points, axis, group, qscheme)
            arrays[f"{key}/fake"] = fake.numpy()
            arrays[f"{key}/real"] = stored(real if name != "bfloat16" else real.float())
            arrays[f"{key}/back"] = stored(back if name != "bfloat16" else back.float())


def blocks(arrays, x):
    """Fake along both axes, whose lengths are no multiples, and real where upstream has it."""
    for name in ("mx6", "mx9", "bfp16"):
        for axis in (0, 1):
            arrays[f"blocks/{name}/{axis}/fake"] = NonScaledFakeQuantizeFunction.apply(x, name, "", axis, 16).numpy()
        if name != "bfp16":
            arrays[f"blocks/{name}/real"] = NonScaledRealQuantizeFunction.apply(x[:16].contiguous(), name, "", 0, 16).numpy()
    for element in ("fp4", "fp6_e2m3", "fp6_e3m2", "fp8_e4m3", "fp8_e5m2", "int8"):
        for mode in ("floor", "ceil", "even"):
            for axis in (0, 1) if mode == "even" else (1,):
                fake = NonScaledFakeQuantizeFunction.apply(x, "mx", element, axis, 32, mode)
                arrays[f"blocks/mx/{element}/{mode}/{axis}/fake"] = fake.numpy()
        if element.startswith(("fp4", "fp6")):
            arrays[f"blocks/mx/{element}/real"] = NonScaledRealQuantizeFunction.apply(x[:, :32], "mx", element, 1, 32).numpy()


def main():
    generator = torch.Generator().manual_seed(13)
    x = torch.randn(6, 32, generator=generator) * 4
    x[5] = torch.randint(-40, 41, (32,), generator=generator) / 4.0
    columns, groups = torch.rand(32, generator=generator) + 0.05, torch.rand(6, 4, generator=generator) + 0.1
    per = {
        "per_tensor": (torch.tensor(0.25), torch.tensor(2, dtype=torch.int32), None, None),
        "per_channel": (columns, torch.randint(0, 8, (32,), generator=generator, dtype=torch.int32), 1, None),
        "per_group": (groups, torch.randint(0, 8, (6, 4), generator=generator, dtype=torch.int32), 1, 8),
    }
    arrays = {"x": x.numpy()}
    for name, (scale, zero, _, _) in per.items():
        arrays[f"{name}/scale"], arrays[f"{name}/zero_point"] = scale.numpy(), zero.numpy()
    scaled(arrays, x, per)
    wide = torch.cat([torch.randn(100, generator=generator) * 2.0**k for k in (-12, -4, 0, 4, 9, 14)])
    wide = torch.cat([wide, torch.tensor([0.0, -0.0, torch.inf, -torch.inf, torch.nan, 464.0, 465.0, 61440.0, 1e-30])])
    arrays["wide"] = wide.numpy()
    for name, there, back in (
        ("e4m3", QuantE4M3Function, DequantE4M3Function),
        ("e5m2", QuantE5M2Function, DequantE5M2Function),
    ):
        for scale in (None, 0.3):
            codes = there.apply(wide, scale)
            arrays[f"{name}/{scale}/codes"], arrays[f"{name}/{scale}/values"] = stored(codes), back.apply(codes, scale).numpy()
    y = torch.randn(17, 36, generator=generator) * torch.exp2(torch.randint(-9, 10, (17, 36), generator=generator).float())
    y[:, 7], y[3], y[4, :16] = 0.0, torch.randint(-64, 65, (36,), generator=generator) / 8.0, 0.0
    arrays["y"] = y.numpy()
    blocks(arrays, y)
    np.savez_compressed(Path(__file__).with_name("quark.npz"), **arrays)


if __name__ == "__main__":
    main()

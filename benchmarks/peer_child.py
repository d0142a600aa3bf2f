"""Runs inside the peer's virtual environment: builds its model, writes its VHDL, and what its own software computes.

Arguments: an ``.npz`` with the parameters and inputs, the folder for the VHDL, an ``.npz`` to write. Imports no creator.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch
from elasticai.creator.file_generation.on_disk_path import OnDiskPath
from elasticai.creator.nn import Sequential
from elasticai.creator.nn.fixed_point import Linear, ReLU


def main(given: str, folder: str, result: str) -> None:
    """Builds, translates, computes."""
    data = np.load(given)
    total_bits, frac_bits = int(data["total_bits"]), int(data["frac_bits"])
    count = int(data["layers"])
    modules: list[torch.nn.Module] = []
    for index in range(count):
        weight, bias = (torch.from_numpy(data[f"{kind}_{index}"] * 2.0**-frac_bits) for kind in ("weight", "bias"))
        layer = Linear(weight.shape[1], weight.shape[0], total_bits=total_bits, frac_bits=frac_bits)
        with torch.no_grad():
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
        modules += [layer] if index == count - 1 else [layer, ReLU(total_bits=total_bits)]
    model = Sequential(*modules).eval()
    path, times = Path(folder), []
    for _ in range(3):
        begun = time.perf_counter()
        model.create_design("network").save_to(OnDiskPath(path.name, str(path.parent)))
        times.append(time.perf_counter() - begun)
    with torch.no_grad():
        values = model(torch.from_numpy(data["inputs"] * 2.0**-frac_bits).float()).double().numpy()
    codes = np.ldexp(values, frac_bits)
    if not np.array_equal(codes, np.rint(codes)):
        raise SystemExit("the peer's model gives values that are off its own grid")
    np.savez(result, outputs=codes.astype(np.int64), seconds=np.median(times))


if __name__ == "__main__":
    main(*sys.argv[1:])

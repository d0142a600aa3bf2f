"""How an imported network's codes relate to those of torch's own quantized kernels; writes results/torch_ao.md.

    python benchmarks/torch_ao.py

A perceptron 64-32-32-10 learns scikit-learn's digits in floating point, torch.ao quantizes it, and ``creator.from_torch_ao``
imports it. Every code of every layer is compared, on the 450 test images and on random inputs. Takes about a minute.
"""

from __future__ import annotations

import copy
import platform
import warnings
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import creator
from creator.importing import LayerDifference, compare_torch_ao

warnings.simplefilter("ignore")  # torch warns that torch.ao is deprecated
from torch.ao import quantization  # noqa: E402

RESULT = Path(__file__).parent / "results" / "torch_ao.md"
RANDOM = 20_000
Data = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def digits() -> Data:
    """Training images and labels, test images and labels."""
    x, y = load_digits(return_X_y=True)
    parts = train_test_split(x / 16.0, y, test_size=450, random_state=0, stratify=y)
    train_x, test_x = (torch.tensor(part, dtype=torch.float32) for part in parts[:2])
    train_y, test_y = (torch.tensor(part) for part in parts[2:])
    return train_x, train_y, test_x, test_y


def trained(x: torch.Tensor, y: torch.Tensor) -> torch.nn.Module:
    """The network in floating point."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(300):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model.eval()


def quantized(model: torch.nn.Module, x: torch.Tensor, engine: str) -> torch.nn.Module:
    """What torch.ao makes of it, with the engine's default configuration."""
    torch.backends.quantized.engine = engine
    wrapped = quantization.QuantWrapper(copy.deepcopy(model)).eval()
    wrapped.qconfig = quantization.get_default_qconfig(engine)
    prepared = quantization.prepare(quantization.fuse_modules(wrapped, [["module.0", "module.1"], ["module.2", "module.3"]]))
    prepared(x)
    return quantization.convert(prepared)


def with_biases_on_the_grid(model: torch.nn.Module) -> torch.nn.Module:
    """A copy whose biases are what creator rounds them to."""
    model = copy.deepcopy(model)
    scale = float(model.quant.scale)
    for layer in (model.module[0], model.module[2], model.module[4]):
        weight = layer.weight()
        per_channel = weight.qscheme() == torch.per_channel_affine
        grid = scale * (weight.q_per_channel_scales() if per_channel else weight.q_scale())
        layer.set_weight_bias(weight, ((layer.bias().double() / grid).round() * grid).float())
        scale = layer.scale
    return model


def layer_rows(rows: tuple[LayerDifference, ...]) -> list[str]:
    """One line for each layer, and one for the network's output."""
    return [
        f"{row.path} | {row.values} | {100 * (1 - row.alone / row.values):.4f} % | {row.alone_largest} "
        f"| {100 * (1 - row.network / row.values):.4f} % | {row.network_largest}"
        for row in rows
    ]


@torch.no_grad()
def accuracy(model: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """In percent."""
    return 100 * float((model(x).argmax(1) == y).double().mean())


def tables(data: Data) -> list[str]:
    """The report's lines."""
    train_x, train_y, test_x, test_y = data
    model = trained(train_x, train_y)
    drawn = torch.rand(RANDOM, 64, generator=torch.Generator().manual_seed(1))
    lines = [
        "| engine | data | layer | codes | equal, same input | largest | equal, in the network | largest |",
        "|---|---|---|--:|--:|--:|--:|--:|",
    ]
    summary = [
        "| engine | accuracy, torch | accuracy, creator | equal top-1, test | equal top-1, random |",
        "|---|--:|--:|--:|--:|",
    ]
    causes = [
        "| biases | multiplier | codes | differ, same input | largest |",
        "|---|--:|--:|--:|--:|",
    ]
    for engine in ("x86", "fbgemm", "onednn", "qnnpack"):
        if engine not in torch.backends.quantized.supported_engines:
            continue
        theirs = quantized(model, train_x, engine)
        ours = creator.from_torch_ao(theirs, test_x)
        for name, x in (("test images", test_x), ("random", drawn)):
            lines += [f"| {engine} | {name} | {line} |" for line in layer_rows(compare_torch_ao(theirs, x))]
        same = [100 * float((theirs(x).argmax(1) == ours(x).argmax(1)).double().mean()) for x in (test_x, drawn)]
        summary.append(
            f"| {engine} | {accuracy(theirs, test_x, test_y):.2f} % | {accuracy(ours, test_x, test_y):.2f} % "
            f"| {same[0]:.2f} % | {same[1]:.3f} % |"
        )
        if engine == "x86":
            causes += [cause(theirs, drawn, grid, bits) for grid in (False, True) for bits in (8, 12, 16, 24, 31)]
    return [*summary, "", *causes, "", *lines]


def cause(model: torch.nn.Module, x: torch.Tensor, grid: bool, bits: int) -> str:
    """How many codes of the three layers differ, with one cause taken away or not."""
    rows = compare_torch_ao(with_biases_on_the_grid(model) if grid else model, x, multiplier_bits=bits)[1:]
    values, differ = sum(row.values for row in rows), sum(row.alone for row in rows)
    largest = max(row.alone_largest for row in rows)
    name = "on the grid of the sums" if grid else "as torch has them"
    return f"| {name} | {bits} bits | {values} | {differ} ({100 * differ / values:.4f} %) | {largest} |"


def main() -> None:
    """Measures and writes."""
    processor = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    lines = tables(digits())
    heading = [
        "# Imported networks and torch's own kernels",
        "",
        f"Made by `python benchmarks/torch_ao.py`: torch {torch.__version__}, {processor}. A perceptron 64-32-32-10 on",
        f"scikit-learn's digits; 450 test images, {RANDOM} random inputs. docs/torch-ao.md explains the columns.",
        "",
    ]
    RESULT.write_text("\n".join([*heading, *lines, ""]))
    print("\n".join(lines))


if __name__ == "__main__":
    main()

"""How an imported network's codes relate to those of torch's own quantized kernels; writes results/torch_ao.md.

    python benchmarks/torch_ao.py

A perceptron 64-32-32-10 and a convolutional network learn scikit-learn's digits in floating point, torch.ao quantizes them, and
``creator.from_torch_ao`` imports them. Every code of every layer is compared, on the 450 test images and on random inputs.
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
RANDOM = {"Perceptron 64-32-32-10": 20_000, "Convolutional network": 2_000}
NETWORKS: dict[str, list[torch.nn.Module]] = {
    "Perceptron 64-32-32-10": [
        torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10),
    ],
    "Convolutional network": [
        torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 16, 3, padding=1), torch.nn.ReLU(),
        torch.nn.MaxPool2d(2), torch.nn.Conv2d(16, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.AvgPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(64, 10),
    ],
}  # fmt: skip
Data = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def digits() -> Data:
    """Training images and labels, test images and labels."""
    x, y = load_digits(return_X_y=True)
    parts = train_test_split(x / 16.0, y, test_size=450, random_state=0, stratify=y)
    train_x, test_x = (torch.tensor(part, dtype=torch.float32) for part in parts[:2])
    train_y, test_y = (torch.tensor(part) for part in parts[2:])
    return train_x, train_y, test_x, test_y


def trained(name: str, x: torch.Tensor, y: torch.Tensor) -> torch.nn.Module:
    """A network in floating point."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(*map(copy.deepcopy, NETWORKS[name]))
    for layer in model:
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(200):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model.eval()


def quantized(model: torch.nn.Module, x: torch.Tensor, engine: str) -> torch.nn.Module:
    """What torch.ao makes of it, with the engine's default configuration."""
    torch.backends.quantized.engine = engine
    wrapped = quantization.QuantWrapper(copy.deepcopy(model)).eval()
    wrapped.qconfig = quantization.get_default_qconfig(engine)
    layers = list(wrapped.module)
    pairs = [
        [f"module.{i}", f"module.{i + 1}"]
        for i in range(len(layers) - 1)
        if isinstance(layers[i], (torch.nn.Linear, torch.nn.Conv2d)) and isinstance(layers[i + 1], torch.nn.ReLU)
    ]
    prepared = quantization.prepare(quantization.fuse_modules(wrapped, pairs))
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


def tables(name: str, data: Data) -> list[str]:
    """The report's lines for one network."""
    train_x, train_y, test_x, test_y = data
    shape = (1, 8, 8) if isinstance(NETWORKS[name][0], torch.nn.Conv2d) else (64,)
    train_x, test_x = train_x.reshape(-1, *shape), test_x.reshape(-1, *shape)
    model = trained(name, train_x, train_y)
    drawn = torch.rand(RANDOM[name], *shape, generator=torch.Generator().manual_seed(1))
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
        for source, x in (("test images", test_x), ("random", drawn)):
            lines += [f"| {engine} | {source} | {line} |" for line in layer_rows(compare_torch_ao(theirs, x))]
        same = [100 * float((theirs(x).argmax(1) == ours(x).argmax(1)).double().mean()) for x in (test_x, drawn)]
        summary.append(
            f"| {engine} | {accuracy(theirs, test_x, test_y):.2f} % | {accuracy(ours, test_x, test_y):.2f} % "
            f"| {same[0]:.2f} % | {same[1]:.3f} % |"
        )
        if engine == "x86" and shape == (64,):
            causes += [cause(theirs, drawn, grid, bits) for grid in (False, True) for bits in (8, 12, 16, 24, 31)]
    return [f"## {name}", "", *summary, "", *(causes if len(causes) > 2 else []), "", *lines, ""]


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
    data = digits()
    lines = [line for name in NETWORKS for line in tables(name, data)]
    heading = [
        "# Imported networks and torch's own kernels",
        "",
        f"Made by `python benchmarks/torch_ao.py`: torch {torch.__version__}, {processor}.",
        "scikit-learn's digits; 450 test images, and random inputs. docs/torch-ao.md explains the columns.",
        "",
    ]
    RESULT.write_text("\n".join([*heading, *lines]))
    print("\n".join(lines))


if __name__ == "__main__":
    main()

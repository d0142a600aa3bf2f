"""The whole road on real data: trains a quantized classifier of handwritten digits and carries it to an FPGA.

Data: the UCI optical recognition of handwritten digits test set that scikit-learn ships, 1797 images of 8 x 8 pixels with 17
grey levels. Run by ``make demo``; everything is written to ``demo/``.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor

import creator
from creator import FixedPoint, nn
from creator.console import Progress, bar, table

PIXEL = FixedPoint(5, 4, signed=False)  # the 17 grey levels, as 0 ... 1
WEIGHT = FixedPoint(6, 4)
BIAS = FixedPoint(10, 6)
HIDDEN = FixedPoint(8, 4)
SCORE = FixedPoint(8, 3)

SEED = 0
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


def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images (n, 64) in 0 ... 1 and labels (n,), for training and for testing: a fixed split, three to one."""
    images, labels = load_digits(return_X_y=True)
    split = train_test_split(images / 16.0, labels, test_size=0.25, random_state=0, stratify=labels)
    x_train, x_test, y_train, y_test = (torch.as_tensor(part) for part in split)
    return x_train.float(), y_train, x_test.float(), y_test


def accuracy(model: torch.nn.Module, x: Tensor, y: Tensor) -> float:
    """The share of samples whose highest score is the right one, in eval mode."""
    model.eval()
    with torch.no_grad():
        return float((model(x).argmax(1) == y).double().mean())


def train(model: torch.nn.Module, title: str, x: Tensor, y: Tensor, epochs: int = EPOCHS) -> None:
    """An ordinary PyTorch training loop."""
    batch = 32
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    steps = epochs * -(-len(x) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    loss_function = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    begun = time.monotonic()
    for epoch in range(1, epochs + 1):
        model.train()
        total = 0.0
        for rows in torch.randperm(len(x)).split(batch):
            optimizer.zero_grad()
            loss = loss_function(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        if sys.stderr.isatty() or epoch % 10 == 0:
            figures = f"epoch {epoch:2}/{epochs}, loss {total / len(x):.3f}, {time.monotonic() - begun:.1f} s"
            print(f"\r  {title:15} {bar(epoch, epochs)} {figures}", end="" if sys.stderr.isatty() else "\n", file=sys.stderr)
    if sys.stderr.isatty():
        print(file=sys.stderr)


def main() -> int:
    """Trains, translates, simulates, synthesizes, and prints one table; 0 if every bit agreed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder for everything that is made")
    parser.add_argument("--target", default="ecp5-25k", help="device (default: ecp5-25k)")
    options = parser.parse_args()
    options.output.mkdir(exist_ok=True)
    build, saved = options.output / "build", options.output / "digits.creator"

    torch.set_num_threads(1)  # the models are small; more threads would only add noise to the sums' order
    x_train, y_train, x_test, y_test = digits()
    print(f"1. Train on {len(x_train)} images", file=sys.stderr)
    models = {"floating point": float_model, "quantized": quantized_model}
    accuracies = {}
    for title, make in models.items():
        torch.manual_seed(SEED)
        model = make()
        train(model, title, x_train, y_train)
        accuracies[title] = accuracy(model, x_test, y_test)

    print("2. Translate, simulate, synthesize", file=sys.stderr)
    with Progress() as progress:
        progress("translate to VHDL")
        graph = creator.trace(model, input_shape=(64,))
        graph.save(saved)
        creator.translate(graph, parallelism="serial", name="digits").write(build)
        progress(f"simulate {len(x_test)} images in GHDL through cocotb")
        run = creator.simulate(build, graph.input_format.to_integers(x_test.numpy()))
        report = creator.synthesize(build, target=options.target, bitstream=options.output / "digits.bit", progress=progress)

    vhdl_accuracy = float((torch.from_numpy(run.outputs).argmax(1) == y_test).double().mean())
    rows = [
        ("test accuracy, floating point", f"{100 * accuracies['floating point']:.2f} %"),
        ("test accuracy, quantized PyTorch", f"{100 * accuracies['quantized']:.2f} %"),
        ("test accuracy, VHDL", f"{100 * vhdl_accuracy:.2f} %"),
        ("test images simulated", f"{len(run.outputs)}"),
        ("outputs compared", f"{run.compared}"),
        ("mismatches", f"{run.mismatches}"),
        ("latency", f"{run.latency} clock cycles"),
        ("interval", f"{run.interval} clock cycles"),
        *report.rows(),
        ("saved graph", str(saved)),
        ("VHDL", str(build / "vhdl")),
        ("bitstream", str(options.output / "digits.bit")),
    ]
    print("\n" + table(rows, f"Handwritten digits, 64-32-32-10, on {report.target}"))
    return 0 if run.passed and vhdl_accuracy == accuracies["quantized"] else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except creator.CreatorError as error:
        print(f"demo: {error}", file=sys.stderr)
        sys.exit(2)

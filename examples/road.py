"""What the examples share: a training loop, quantization, and the road from a trained model to a placed and routed device."""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor

import creator
from creator import FixedPoint
from creator.console import Progress, bar, table
from creator.preparation import QConfig, QConfigMapping
from creator.quantize import TQT

SEED = 0
BATCH = 32
LEARNING_RATE = 1e-2

PIXEL = FixedPoint(5, 4, signed=False)
"""The 17 grey levels of the digits, as 0 ... 1."""


def parser(text: str | None, folder: str, target: str, epochs: int) -> argparse.ArgumentParser:
    """The options that every example has."""
    made = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        "--output", type=Path, default=Path(folder), help=f"folder for everything that is made (default: {folder})"
    )
    made.add_argument("--target", default=target, help=f"device (default: {target})")
    made.add_argument("--epochs", type=int, default=epochs, help=f"of training (default: {epochs})")
    made.add_argument("--samples", type=int, help="how many to simulate (default: all that are kept for testing)")
    made.add_argument("--no-synthesis", action="store_true", help="end after the simulation")
    return made


def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images (n, 64) in 0 ... 1 and labels (n,), for training and for testing: a fixed split, three to one.

    The test set of the UCI optical recognition of handwritten digits, which scikit-learn ships: 1797 images of 8 x 8 pixels.
    """
    images, labels = load_digits(return_X_y=True)
    split = train_test_split(images / 16.0, labels, test_size=0.25, random_state=0, stratify=labels)
    x_train, x_test, y_train, y_test = (torch.as_tensor(part) for part in split)
    return x_train.float(), y_train, x_test.float(), y_test


def share_right(scores: np.ndarray, labels: Tensor) -> float:
    """The share of samples whose highest score is the right one; of equal scores the first counts."""
    return float((scores.argmax(1) == labels.numpy()).mean())


def outputs(model: torch.nn.Module, x: Tensor) -> np.ndarray:
    """What ``model`` gives for ``x`` in eval mode."""
    with torch.no_grad():
        return np.asarray(model.eval()(x).numpy())


def trained(
    model: torch.nn.Module,
    title: str,
    x: Tensor,
    y: Tensor,
    epochs: int,
    loss_function: torch.nn.Module | None = None,
    rate: float = LEARNING_RATE,
) -> torch.nn.Module:
    """``model`` after an ordinary PyTorch training loop.

    Args:
        model: as it was made or prepared; it is changed.
        title: of the progress bar.
        x, y: inputs, and what the loss function compares the outputs with.
        epochs: how often all of them are seen.
        loss_function: cross entropy with smoothed labels unless given.
        rate: the highest learning rate.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=epochs * -(-len(x) // BATCH))
    loss_function = loss_function or torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    begun = time.monotonic()
    for epoch in range(1, epochs + 1):
        model.train()
        total = 0.0
        for rows in torch.randperm(len(x)).split(BATCH):
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
    return model.eval()


def seed() -> None:
    """Makes what follows the same every time."""
    torch.set_num_threads(1)  # the models are small; more threads would only add noise to the sums' order
    torch.manual_seed(SEED)


def learned_bits(weights: int, activations: int, others: dict[str, int | FixedPoint]) -> QConfigMapping:
    """Formats whose binary points training finds; ``others``: bits or a format for the outputs of single layers, by path."""
    weight = functools.partial(TQT, bits=weights)
    mapping = QConfigMapping().set_global(QConfig(functools.partial(TQT, bits=activations), weight))
    for path, choice in others.items():
        output = functools.partial(TQT, bits=choice) if isinstance(choice, int) else choice
        mapping.set_module_name(path, QConfig(output, weight))
    return mapping


def fine_tuned(
    model: torch.nn.Module,
    mapping: QConfigMapping,
    x: Tensor,
    y: Tensor,
    epochs: int,
    loss_function: torch.nn.Module | None = None,
) -> torch.nn.Module:
    """A quantized copy of a trained floating-point model, trained on."""
    prepared = creator.calibrate(creator.prepare(model, x[:1], mapping), [x[:512]])
    return creator.convert(trained(prepared, "quantized", x, y, epochs, loss_function, LEARNING_RATE / 2))


@dataclass(frozen=True)
class Arrival:
    """A model at the end of the road: what simulation and synthesis found."""

    run: creator.Run
    report: creator.Report | None
    rows: list[tuple[str, str]]


def carry(
    model: torch.nn.Module,
    name: str,
    shape: tuple[int, ...],
    x: Tensor,
    options: argparse.Namespace,
    parallelism: int | str = "serial",
    bench: str = "cocotb",
) -> Arrival:
    """Traces, translates, simulates, synthesizes, places and routes a trained model.

    Args:
        model: quantized.
        name: of the files and of the network.
        shape: of its input, without the batch.
        x: inputs to simulate.
        options: of the example.
        parallelism, bench: those of ``creator.translate`` and ``creator.simulate``.
    """
    options.output.mkdir(exist_ok=True, parents=True)
    build, saved, bitstream = (options.output / part for part in ("build", f"{name}.creator", f"{name}.bit"))
    x = x if options.samples is None else x[: options.samples]
    with Progress() as progress:
        progress("translate to VHDL")
        graph = creator.trace(model, input_shape=shape)
        graph.save(saved)
        creator.translate(graph, parallelism, name=name, target=options.target).write(build)
        progress(f"simulate {len(x)} samples in GHDL")
        run = creator.simulate(build, graph.input_format.to_integers(x.numpy()), bench=bench)
        report = None
        if not options.no_synthesis:
            report = creator.synthesize(build, target=options.target, bitstream=bitstream, progress=progress)
    rows = [
        ("samples simulated", f"{len(run.outputs)}"),
        ("outputs compared", f"{run.compared}"),
        ("mismatches", f"{run.mismatches}"),
        ("latency", f"{run.latency} clock cycles"),
        ("interval", f"{run.interval} clock cycles"),
        *(report.rows() if report else ()),
        ("saved graph", str(saved)),
        ("VHDL", str(build / "vhdl")),
        *([("bitstream", str(bitstream))] if report else ()),
    ]
    return Arrival(run, report, rows)


def classified(title: str, models: dict[str, torch.nn.Module], arrival: Arrival, x: Tensor, y: Tensor) -> int:
    """Prints the table of a classifier; 0 if VHDL and the last of ``models`` agree in every bit, 1 otherwise."""
    found = {kind: share_right(outputs(model, x), y) for kind, model in models.items()}
    simulated = len(arrival.run.outputs)
    hardware = share_right(arrival.run.outputs, y[:simulated])
    rows = [(f"test accuracy, {kind}", f"{100 * share:.2f} %") for kind, share in found.items()]
    rows.append(("test accuracy, VHDL", f"{100 * hardware:.2f} %"))
    return finished(title, rows, arrival)


def finished(title: str, rows: Sequence[tuple[str, str]], arrival: Arrival) -> int:
    """Prints the table; 0 if every bit agreed."""
    where = f", on {arrival.report.target}" if arrival.report else ""
    print("\n" + table([*rows, *arrival.rows], title + where))
    return 0 if arrival.run.passed else 1


def main(example: Callable[[], int]) -> None:
    """Runs an example and ends the process with its exit status."""
    try:
        sys.exit(example())
    except creator.CreatorError as error:
        print(f"{Path(sys.argv[0]).stem}: {error}", file=sys.stderr)
        sys.exit(2)

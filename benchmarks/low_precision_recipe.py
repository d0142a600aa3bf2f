"""The study of low-precision training: its networks, number formats and training loop.

The data, their split and the hyperparameters are those of ``examples/digits.py``; the network is that of the example without
its normalisations, so that weights, biases, activations and gradients are all that there is to quantize.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim import Optimizer

import creator
from creator import FixedPoint, nn
from creator.formats import Rounding
from creator.optim import QuantizedOptimizer
from creator.quantize import Gradients

sys.path.append(str(Path(__file__).resolve().parents[1] / "examples"))
import digits
import road

SIZES = (64, 32, 32, 10)
EPOCHS = digits.EPOCHS
BATCH = 32
RATE = 1e-2
SMOOTHING = 0.1

PIXEL, PARAMETER, HIDDEN, SCORE = 0, 0, 2, 3
"""Ranges, the same for every number of bits: values up to 2**range. Pixels and hidden activations have no sign."""

Records = list[dict[str, Any]]
Look = Callable[[], None] | None


@dataclass(frozen=True)
class Condition:
    """What is quantized besides weights, biases and activations, and where the weights are between two steps.

    Args:
        name: as in the tables.
        gradients: how they are rounded; ``None`` leaves them in floating point.
        master: ``None``: torch's optimizer, and floating-point weights in the layers, which quantize them in every forward
            pass; else that of :class:`creator.optim.QuantizedOptimizer`.
        weights: how that optimizer rounds them.
    """

    name: str
    gradients: Rounding | None = Rounding.STOCHASTIC
    master: bool | None = None
    weights: Rounding = Rounding.HALF_EVEN


FLOAT = "float32"
VALUES = Condition("weights, activations", None)
NEAREST = Condition("+ gradients, nearest", Rounding.HALF_EVEN)
STOCHASTIC = Condition("+ gradients, stochastic")
MASTER = Condition("the same, float masters in the optimizer", master=True)
GRID = Condition("no float weights, stochastic", master=False, weights=Rounding.STOCHASTIC)
GRID_NEAREST = Condition("no float weights, nearest", master=False)
CONDITIONS = (VALUES, NEAREST, STOCHASTIC, MASTER, GRID, GRID_NEAREST)
CLAIMED = (NEAREST, STOCHASTIC, MASTER, GRID)
"""Those that have to reach float32 with 8 bits. Updates below half a step are lost to the last one."""


@cache
def data() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images (n, 64) and labels (n,) for training, then for testing."""
    return road.digits()


# Networks and formats.


def covering(bits: int, exponent: int, signed: bool = True) -> FixedPoint:
    """The format of ``bits`` bits for values up to ``2**exponent``; a signed one ends one step below."""
    return FixedPoint(bits, bits - signed - exponent, signed)


def float_network() -> torch.nn.Sequential:
    """64-32-32-10 with ReLU, plain torch."""
    layers: list[torch.nn.Module] = []
    for inputs, outputs in itertools.pairwise(SIZES):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def quantized_network(bits: int, gradients: list[Gradients] | None = None) -> torch.nn.Sequential:
    """The same with everything that a layer reads or writes in ``bits`` bits; ReLU is an output without sign.

    Args:
        bits: of pixels, weights, biases, hidden activations and scores.
        gradients: formats of each layer's gradients.
    """
    layers: list[torch.nn.Module] = [nn.Quantize(covering(bits, PIXEL, signed=False))]
    for index, (inputs, outputs) in enumerate(itertools.pairwise(SIZES)):
        last = index == len(SIZES) - 2
        output = covering(bits, SCORE) if last else covering(bits, HIDDEN, signed=False)
        chosen = None if gradients is None else gradients[index]
        parameter = covering(bits, PARAMETER)
        layers.append(nn.Linear(inputs, outputs, bias=parameter, weight=parameter, output=output, gradient=chosen))
    return torch.nn.Sequential(*layers)


def linears(model: torch.nn.Module) -> list[torch.nn.Linear]:
    """The layers with parameters."""
    return [layer for layer in model if isinstance(layer, torch.nn.Linear)]


class Largest:
    """The largest magnitude of every gradient of every layer, in floating point, for as long as a model trains."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.layers = linears(model)
        self.found = [dict.fromkeys(("activation", "weight", "bias"), 0.0) for _ in self.layers]
        for layer, found in zip(self.layers, self.found, strict=True):
            layer.register_forward_hook(lambda _, __, output, found=found: self._watch(output, found))

    def _watch(self, output: torch.Tensor, found: dict[str, float]) -> None:
        output.register_hook(lambda grad: self._take(found, "activation", grad))

    def _take(self, found: dict[str, float], name: str, grad: torch.Tensor) -> None:
        found[name] = max(found[name], float(grad.abs().max()))

    def look(self) -> None:
        """Takes in the gradients of the parameters, after a backward pass."""
        for layer, found in zip(self.layers, self.found, strict=True):
            self._take(found, "weight", layer.weight.grad)
            self._take(found, "bias", layer.bias.grad)

    def formats(self, bits: int, rounding: Rounding, generator: torch.Generator) -> list[Gradients]:
        """The rule: ``bits`` bits for values up to the power of two at or above the largest one."""
        result = []
        for found in self.found:
            formats = {name: covering(bits, exponent(most)) for name, most in found.items()}
            result.append(Gradients(**formats, rounding=rounding, generator=generator))
        return result


def exponent(largest: float) -> int:
    """The smallest e with ``2**e >= largest``."""
    if not 0 < largest < math.inf:
        raise creator.CreatorError(f"the largest gradient is {largest}", hint="a range needs gradients; train with more bits")
    return math.ceil(math.log2(largest))


def gradient_formats(
    bits: int, rounding: Rounding, generator: torch.Generator, seed: int, epochs: int = EPOCHS, last: bool = False
) -> list[Gradients]:
    """Formats of each layer's gradients, from the first of ``epochs`` epochs with floating-point gradients."""
    torch.manual_seed(seed)
    model = quantized_network(bits)
    largest = Largest(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    first = itertools.islice(batches(seed, epochs, last), per_epoch(last))
    fit(model, optimizer, first, epochs * per_epoch(last), largest.look)
    return largest.formats(bits, rounding, generator)


# Training.


def per_epoch(last: bool = False) -> int:
    """Batches in an epoch; with ``last`` also the smaller one that is left over."""
    images = len(data()[0])
    return -(-images // BATCH) if last else images // BATCH


def batches(seed: int, epochs: int, last: bool = False) -> Iterator[torch.Tensor]:
    """Rows of the training data, in a new order every epoch; without ``last``, those of full batches only.

    What is left over would be a batch of three images: the mean over it has ten times the gradient of each image that the
    others have, and would set the range of the gradients for all of them.
    """
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        yield from torch.randperm(len(data()[0]), generator=generator).split(BATCH)[: per_epoch(last)]


def fit(model: torch.nn.Module, optimizer: Optimizer, rows: Iterable[torch.Tensor], steps: int, look: Look = None) -> None:
    """An ordinary PyTorch training loop; the schedule is one of ``steps`` steps, before each of which ``look`` is called."""
    x, y, _, _ = data()
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    loss_function = torch.nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    model.train()
    for chosen in rows:
        optimizer.zero_grad()
        loss_function(model(x[chosen]), y[chosen]).backward()
        if look is not None:
            look()
        optimizer.step()
        schedule.step()


def trained_float(seed: int, epochs: int = EPOCHS, last: bool = False) -> torch.nn.Sequential:
    """The baseline."""
    torch.manual_seed(seed)
    model = float_network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    fit(model, optimizer, batches(seed, epochs, last), epochs * per_epoch(last))
    return model.eval()


def prepared(
    condition: Condition, bits: int, seed: int, epochs: int = EPOCHS, last: bool = False
) -> tuple[torch.nn.Sequential, Optimizer]:
    """A quantized network with the initial weights of the baseline of that seed, and its optimizer."""
    generator = torch.Generator().manual_seed(1_000_000 + seed)  # not that of the batches
    gradients = None
    if condition.gradients is not None:
        gradients = gradient_formats(bits, condition.gradients, generator, seed, epochs, last)
    torch.manual_seed(seed)
    model = quantized_network(bits, gradients)
    optimizer: Optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    if condition.master is not None:
        choices: Any = {"rounding": condition.weights, "generator": generator, "master": condition.master}
        optimizer = QuantizedOptimizer(optimizer, model, **choices)
    return model, optimizer


def trained(condition: Condition, bits: int, seed: int, epochs: int = EPOCHS, last: bool = False) -> torch.nn.Sequential:
    """A quantized network after training, on the same batches as the baseline of that seed."""
    model, optimizer = prepared(condition, bits, seed, epochs, last)
    fit(model, optimizer, batches(seed, epochs, last), epochs * per_epoch(last))
    return model.eval()


# What comes out.


def float_record(model: torch.nn.Module) -> dict[str, float]:
    """Test accuracy of the baseline in percent, and the shares of its values, in percent, that the ranges hold."""
    x, _, images, labels = data()
    inside: dict[str, list[torch.Tensor]] = {"parameters": [p.detach() for p in model.parameters()], "hidden": [], "scores": []}
    with torch.no_grad():
        for layer in model:
            x = layer(x)
            if isinstance(layer, torch.nn.ReLU):
                inside["hidden"].append(x)
        inside["scores"].append(x)
    shares = {
        f"{name} in range": 100 * float(torch.cat([v.flatten().abs() for v in values]).le(2.0**top).double().mean())
        for (name, values), top in zip(inside.items(), (PARAMETER, HIDDEN, SCORE), strict=True)
    }
    return {"accuracy": 100 * road.share_right(road.outputs(model, images), labels), **shares}


def quantized_record(model: torch.nn.Module) -> dict[str, float]:
    """Test accuracy in percent of the integers that hardware computes, and how many of them eval mode does not have."""
    _, _, images, labels = data()
    graph = creator.trace(model, input_shape=(SIZES[0],))
    integers = graph.run(graph.input_format.to_integers(images.numpy()))
    with torch.no_grad():
        scores = graph.output_format.to_integers(model(images).numpy())
    right = integers.argmax(1) == labels.numpy()  # of equal scores the first
    return {"accuracy": 100 * float(right.mean()), "mismatches": int(np.count_nonzero(integers != scores))}

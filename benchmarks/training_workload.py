"""What every system of ``training_speed.py`` trains: two networks, one batch, and the training step. Needs torch only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F

SIZES = (16, 64, 32, 32, 5)
IMAGE = (1, 28, 28)
BATCH = 256
SEED = 0

LEARNING_RATE = 1e-4
"""Small, so that thousands of steps on one batch end about where they begin: nothing diverges, nothing becomes subnormal."""

OPTIMIZERS: dict[str, Callable[[Iterable[torch.nn.Parameter]], torch.optim.Optimizer]] = {
    "SGD with momentum": lambda parameters: torch.optim.SGD(parameters, lr=LEARNING_RATE, momentum=0.9),
    "Adam": lambda parameters: torch.optim.Adam(parameters, lr=LEARNING_RATE),
}

Trained = tuple[torch.nn.Module, torch.optim.Optimizer]


@dataclass(frozen=True)
class Layer:
    """One layer with weights; ReLU follows unless it is the last.

    Args:
        kernel: size of a convolution's kernel, without padding; 0 for a linear layer.
        flatten: whether its input is flattened first.
    """

    inputs: int
    outputs: int
    kernel: int = 0
    stride: int = 1
    flatten: bool = False
    last: bool = False

    def make(self, linear: Any, conv: Any, **options: Any) -> torch.nn.Module:
        """The module, made by one of two classes that take torch's arguments, and ``options``."""
        if self.kernel:
            return conv(self.inputs, self.outputs, self.kernel, stride=self.stride, **options)
        return linear(self.inputs, self.outputs, **options)


NETWORKS: dict[str, tuple[tuple[int, ...], tuple[Layer, ...]]] = {
    "MLP": ((SIZES[0],), tuple(Layer(i, o, last=o == SIZES[-1]) for i, o in pairwise(SIZES))),
    "CNN": (IMAGE, (Layer(1, 16, 3), Layer(16, 32, 3, 2), Layer(32 * 12 * 12, 10, flatten=True, last=True))),
}
"""By name: shape of a sample, and the layers."""


def network(name: str, layer: Callable[[Layer], list[torch.nn.Module]], *entry: torch.nn.Module) -> torch.nn.Sequential:
    """The named network from what ``layer`` makes of each layer, its activation included, after the ``entry`` modules."""
    modules = list(entry)
    for spec in NETWORKS[name][1]:
        modules += [torch.nn.Flatten()] * spec.flatten + layer(spec)
    return torch.nn.Sequential(*modules).train()


def plain(spec: Layer) -> list[torch.nn.Module]:
    """The layer and its activation in plain torch."""
    return [spec.make(torch.nn.Linear, torch.nn.Conv2d), *([] if spec.last else [torch.nn.ReLU()])]


def batch(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Normal inputs with deviation 1, and labels."""
    generator = torch.Generator().manual_seed(SEED)
    shape, layers = NETWORKS[name]
    inputs = torch.randn((BATCH, *shape), generator=generator)
    return inputs, torch.randint(layers[-1].outputs, (BATCH,), generator=generator)


def step(trained: Trained, inputs: torch.Tensor, labels: torch.Tensor) -> None:
    """What is timed: forward, cross entropy, backward, optimizer, gradients away."""
    model, optimizer = trained
    F.cross_entropy(model(inputs), labels).backward()
    optimizer.step()
    optimizer.zero_grad()

"""How ``training_speed.py`` times steps, and how it makes sure that a system quantizes. Needs torch only."""

from __future__ import annotations

import copy
import gc
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from training_others import GRADIENT_FRACTION
from training_workload import Trained, step

BASELINE = "torch, float"
LEVELS = 256
GRADIENT_STEP = 2.0**-GRADIENT_FRACTION

PRODUCTS = ("addmm", "mm", "bmm", "linear", "convolution", "mkldnn_convolution", "mkldnn_linear", "convolution_backward")
"""Operators that multiply activations, weights or gradients; ``addmm`` has the bias, which is added, before its factors."""

LOUDER = 64

WARM_UP = 20
"""Steps before anything is timed; observers and statistics settle."""

SLICES = 4
"""Turns that every system gets in a round, so that what slows the machine down meets all of them."""


@dataclass(frozen=True)
class Levels:
    """Distinct values that a system computes with.

    Args:
        inputs, weights: the most in one factor of a product of the forward pass, with the batch and the weights as they are
            and with both many times as large: where ranges are hardly used, more bits than 8 would not show.
        output: in the logits.
        gradients_on_grid: whether every factor in the backward pass is a multiple of :data:`GRADIENT_STEP`.
        learns: whether every layer's weights get a gradient that is finite and not zero throughout.
    """

    inputs: int
    weights: int
    output: int
    gradients_on_grid: bool
    learns: bool

    @property
    def quantized(self) -> bool:
        """Whether inputs and weights of every layer have at most 8 bits; logits need not, some peers leave them."""
        return 0 < self.inputs <= LEVELS and 0 < self.weights <= LEVELS


class _Factors(TorchDispatchMode):
    """Collects the factors of all products that run under it, whatever module or autograd function calls them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[torch.Tensor, torch.Tensor]] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function.overloadpacket.__name__
        if name in PRODUCTS:
            first, second = args[1:3] if name == "addmm" else args[:2]
            self.found.append((first.detach().clone(), second.detach().clone()))
        return function(*args, **(kwargs or {}))


def levels(trained: Trained, inputs: torch.Tensor, labels: torch.Tensor, by_channel: bool = False) -> Levels:
    """Counts them in one forward and backward pass, after the warm-up; the parameters stay as they are.

    ``by_channel`` counts weights in a channel, where each channel has a scale of its own.
    """
    model, optimizer = trained
    with _Factors() as forward:
        output = model(inputs)
    loss = F.cross_entropy(output, labels)
    with _Factors() as loud, torch.no_grad():
        _louder(model)(inputs * LOUDER)
    with _Factors() as backward:
        loss.backward()
    gradients = [weight.grad for weight in model.parameters() if weight.dim() > 1]
    learns = all(grad is not None and bool(grad.isfinite().all()) and bool(grad.any()) for grad in gradients)
    optimizer.zero_grad()
    if not forward.found or not backward.found:
        raise RuntimeError("no product seen: the check knows none of the operators that this system calls")
    factors = [tensor for pair in backward.found for tensor in pair]
    products = forward.found + loud.found
    return Levels(
        max(_distinct(first) for first, _ in products),
        max(_distinct_in_channel(second) if by_channel else _distinct(second) for _, second in products),
        _distinct(output.detach()),
        all(torch.equal(x / GRADIENT_STEP, (x / GRADIENT_STEP).round()) for x in factors),
        learns,
    )


def _louder(model: torch.nn.Module) -> torch.nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's, about its own exported graphs
        copied = copy.deepcopy(model)
    with torch.no_grad():
        for weight in copied.parameters():
            if weight.dim() > 1:
                weight.mul_(LOUDER)
    return copied


def _distinct(x: torch.Tensor) -> int:
    return len(torch.unique(x))


def _distinct_in_channel(weight: torch.Tensor) -> int:
    # The weights of a linear layer come transposed, so its channels are columns.
    return max(_distinct(channel) for channel in weight.unbind(1 if weight.dim() == 2 else 0))


@dataclass(frozen=True)
class Timing:
    """Times of one system.

    Args:
        milliseconds: of a step: in each round the median.
        ratios: to the baseline's of the same round.
    """

    milliseconds: list[float]
    ratios: list[float]

    @property
    def quartiles(self) -> tuple[float, float, float]:
        """Lower quartile, median and upper quartile of the ratios."""
        return tuple(statistics.quantiles(self.ratios, n=4, method="inclusive"))  # type: ignore[return-value]


def clocked(trained: Trained, inputs: torch.Tensor, labels: torch.Tensor, steps: int) -> list[float]:
    """Seconds of each of ``steps`` steps, after one that brings the system's data back into the caches.

    Processor time of all threads: on an idle machine what a clock shows, and on a busy one what it would have shown.
    """
    step(trained, inputs, labels)
    times = []
    for _ in range(steps):
        begun = time.process_time()
        step(trained, inputs, labels)
        times.append(time.process_time() - begun)
    return times


def measure(
    systems: dict[str, Trained],
    inputs: torch.Tensor,
    labels: torch.Tensor,
    rounds: int,
    steps: int,
    timer: Callable[[Trained, torch.Tensor, torch.Tensor, int], list[float]] = clocked,
) -> dict[str, Timing]:
    """Times all systems in turn, the baseline among them; ``steps`` of each in a round."""
    names = list(systems)
    times: dict[str, list[float]] = {name: [] for name in names}
    with _settled():
        for number in range(rounds):
            found: dict[str, list[float]] = {name: [] for name in names}
            for turn in range(SLICES):
                begin = (number * SLICES + turn) % len(names)  # nobody always comes after the same neighbour
                for name in names[begin:] + names[:begin]:
                    found[name] += timer(systems[name], inputs, labels, -(-steps // SLICES))
            for name in names:
                times[name].append(1e3 * statistics.median(found[name]))
    base = times[BASELINE]
    return {name: Timing(times[name], [a / b for a, b in zip(times[name], base, strict=True)]) for name in names}


@contextmanager
def _settled() -> Iterator[None]:
    """Keeps the garbage collector from walking through all models whenever one of them is at work."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

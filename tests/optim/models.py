"""A small model that says on which grids its parameters lie, and data for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from creator import FixedPoint

WEIGHT, BIAS = FixedPoint(6, 7), FixedPoint(9, 9, symmetric=True)


class OnGrid(torch.nn.Linear):
    """Uses its parameters as they are."""

    def parameter_formats(self) -> dict[str, FixedPoint]:
        return {"weight": WEIGHT, "bias": BIAS}


def model(dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.nn.Sequential:
    """Two quantized layers, and before the second one without formats, with buffers."""
    torch.manual_seed(seed)
    layers = OnGrid(6, 8), torch.nn.Tanh(), torch.nn.BatchNorm1d(8), OnGrid(8, 3, bias=False)
    return torch.nn.Sequential(*layers).to(dtype)


def batches(count: int, dtype: torch.dtype = torch.float32) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Inputs (16, 6) and targets (16, 3)."""
    generator = torch.Generator().manual_seed(7)
    draws = [torch.randn(16, 9, generator=generator).to(dtype) for _ in range(count)]
    return [(draw[:, :6], 3 * draw[:, 6:]) for draw in draws]


def loss_of(net: torch.nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    return torch.nn.functional.mse_loss(net(batch[0]), batch[1])


def train(net: torch.nn.Module, optimizer: Any, data: list[Any], closure: bool = False) -> list[float]:
    """A step for each batch; returns the losses."""
    losses = []
    for batch in data:

        def evaluate(batch: Any = batch) -> torch.Tensor:
            optimizer.zero_grad()
            loss = loss_of(net, batch)
            loss.backward()
            return loss

        losses.append(float((optimizer.step(evaluate) if closure else after(evaluate(), optimizer.step)).detach()))
    return losses


def after(loss: torch.Tensor, step: Callable[[], Any]) -> torch.Tensor:
    assert step() is None
    return loss


class Plain(torch.optim.SGD):
    """A subclass, as users write them."""


OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, foreach=True),
    "subclass": lambda p: Plain(p, lr=0.1),
    "adam": lambda p: torch.optim.Adam(p, lr=0.02, foreach=False),
    "adam foreach": lambda p: torch.optim.Adam(p, lr=0.02, foreach=True),
    "adam fused": lambda p: torch.optim.Adam(p, lr=0.02, fused=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.02, amsgrad=True),
    "adamw fused": lambda p: torch.optim.AdamW(p, lr=0.02, fused=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.05),
    "lbfgs": lambda p: torch.optim.LBFGS(p, lr=0.2, max_iter=4, history_size=3),
    "lbfgs line search": lambda p: torch.optim.LBFGS(p, max_iter=4, line_search_fn="strong_wolfe"),
}

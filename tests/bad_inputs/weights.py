"""State dicts that do not fit the model of ``MODEL``, or are none, by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from safetensors.torch import save

from tests.bad_inputs.damage import HEADERS, Damage, entry

MODEL = """\
import torch
from creator import FixedPoint, nn


def make():
    return torch.nn.Sequential(nn.Quantize(FixedPoint(8, 4)), nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU())
"""

State = dict[str, torch.Tensor]


def fitting(model: torch.nn.Module) -> State:
    """What the model has itself, so that a case differs from it in one thing only."""
    return {name: value.clone().contiguous() for name, value in model.state_dict().items()}


def filled(name: str, value: float, dtype: torch.dtype = torch.float32) -> Callable[[State], State]:
    return lambda state: state | {name: torch.full(state[name].shape, value, dtype=dtype)}


def one(name: str, value: float) -> Callable[[State], State]:
    """One number of a tensor, the last."""

    def change(state: State) -> State:
        state[name].view(-1)[-1] = value
        return state

    return change


UNFIT: dict[str, Callable[[State], State]] = {
    "NaN in a weight": one("1.weight", float("nan")),
    "infinity in a weight": one("1.weight", float("inf")),
    "minus infinity in a bias": one("1.bias", float("-inf")),
    "NaN in a mean": one("2.running_mean", float("nan")),
    "a variance below zero": one("2.running_var", -1.0),
    "an infinite variance": one("2.running_var", float("inf")),
    "a huge weight in float64": filled("1.weight", 1e300, torch.float64),
    "complex weights": lambda state: state | {"1.weight": state["1.weight"].to(torch.complex64)},
    "a weight transposed": lambda state: state | {"1.weight": state["1.weight"].T.contiguous()},
    "a weight flat": lambda state: state | {"1.weight": state["1.weight"].flatten()},
    "a weight of no elements": lambda state: state | {"1.weight": torch.zeros(0, 6)},
    "a scalar as a weight": lambda state: state | {"1.weight": torch.tensor(1.0)},
    "a weight missing": lambda state: {name: value for name, value in state.items() if name != "1.weight"},
    "a tensor more": lambda state: state | {"9.weight": torch.zeros(3)},
    "other names": lambda state: {f"module.{name}": value for name, value in state.items()},
    "names with line ends": lambda state: {f"a\nb{name}": value for name, value in state.items()},
    "no tensors": lambda state: {},
}


def broken(damage: Damage) -> Callable[[State], bytes]:
    """A damage of the file, as graphs have them, to one with weights."""
    return lambda state: damage(save(state, {"format": "pt"}))


# A state dict needs no metadata, and its header has other bytes.
OTHER = {"metadata without the graph", "no metadata", "header with NaN", "header that is no UTF-8"}
FILES = {name: broken(damage) for name, damage in HEADERS.items() if name not in OTHER} | {
    "half of it": lambda state: save(state)[: len(save(state)) // 2],
    "all but a byte": lambda state: save(state)[:-1],
    "a type that does not exist": broken(entry("1.bias", dtype="I128")),
    "offsets that overlap": broken(entry("1.bias", data_offsets=[0, 20])),
    "a shape that overflows": broken(entry("1.bias", shape=[1 << 62, 1 << 62])),
}

"""Marks end with whatever may have changed a parameter."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch

from creator import FixedPoint
from creator.quantize.on_grid import is_on_grid, mark

FMT = FixedPoint(8, 4)


@pytest.fixture
def layer() -> torch.nn.Linear:
    """A layer whose parameters are marked after some changes, so that a version counter of zero is none of theirs."""
    made = torch.nn.Linear(3, 2)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(16).round_().div_(16)
    mark(made.parameters(), [FMT, FixedPoint(9, 4)])
    assert is_on_grid(made.weight, FMT)
    return made


def test_a_mark_names_one_format(layer: torch.nn.Linear) -> None:
    assert is_on_grid(layer.weight, FixedPoint(8, 4))
    assert is_on_grid(layer.bias, FixedPoint(9, 4))
    for other in (FixedPoint(9, 4), FixedPoint(8, 4, symmetric=True), None, 8, "fixed<8,4>"):
        assert not is_on_grid(layer.weight, other)
    assert not is_on_grid(torch.nn.Parameter(torch.zeros(2)), FMT)
    assert not is_on_grid(torch.zeros(2), FMT)
    assert not is_on_grid(layer.weight.detach(), FMT)


def test_reading_training_and_flags_do_not_end_it(layer: torch.nn.Linear) -> None:
    layer(torch.randn(4, 3)).sum().backward()
    layer.weight.requires_grad_(False)
    layer.eval()
    layer.to("cpu")
    layer.zero_grad()
    layer.state_dict()
    assert is_on_grid(layer.weight, FMT)


CHANGES: dict[str, Callable[[torch.nn.Linear], Any]] = {
    "in place": lambda m: m.weight.add_(1e-3),
    "part": lambda m: m.weight[0, 0].fill_(0.3),
    "detached": lambda m: m.weight.detach().add_(1e-3),
    "out": lambda m: torch.mul(m.weight, 1.1, out=m.weight),
    "foreach": lambda m: torch._foreach_add_([m.weight], 1e-3),
    "init": lambda m: torch.nn.init.xavier_uniform_(m.weight),
    "load_state_dict": lambda m: m.load_state_dict(torch.nn.Linear(3, 2).state_dict()),
    "assigned": lambda m: m.load_state_dict(torch.nn.Linear(3, 2).state_dict(), assign=True),
    "replaced": lambda m: setattr(m, "weight", torch.nn.Parameter(torch.zeros(2, 3))),
    "data": lambda m: setattr(m.weight, "data", torch.rand(2, 3)),
    "inference data": lambda m: setattr(m.weight, "data", torch.inference_mode()(torch.rand)(2, 3)),
    "in inference mode": torch.inference_mode()(lambda m: m.weight.add_(1e-3)),
    "vector": lambda m: torch.nn.utils.vector_to_parameters(torch.rand(8), m.parameters()),
    "double": lambda m: m.double(),
    "half": lambda m: m.half(),
    "meta": lambda m: m.to("meta"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_end_it(layer: torch.nn.Linear, name: str) -> None:
    with torch.no_grad():
        CHANGES[name](layer)
    assert not is_on_grid(layer.weight, FMT)


def test_back_with_its_own_data_it_holds_again(layer: torch.nn.Linear) -> None:
    kept = layer.weight.data
    layer.weight.data = torch.rand(2, 3)
    layer.weight.data = kept
    assert is_on_grid(layer.weight, FMT)


def test_swapped_parameters(layer: torch.nn.Linear) -> None:
    other = torch.nn.Parameter(torch.rand(2, 3))
    torch.utils.swap_tensors(layer.weight, other)
    assert not is_on_grid(layer.weight, FMT)


class Foreign(torch.optim.SGD):
    """Changes parameters behind the counter's back."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.data.sub_(parameter.grad)


STEPS: list[tuple[Any, dict[str, Any]]] = [
    *[(kind, {"foreach": choice}) for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop) for choice in (0, 1)],
    *[(kind, {"fused": True}) for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.Adagrad)],
    (torch.optim.LBFGS, {}), (torch.optim.Adadelta, {}), (torch.optim.NAdam, {}), (torch.optim.Rprop, {}),
    (torch.optim.ASGD, {}), (torch.optim.Adafactor, {}), (torch.optim.Adamax, {}), (torch.optim.RAdam, {}),
    (Foreign, {}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "arguments"), STEPS, ids=lambda x: x.__name__ if isinstance(x, type) else "".join(x))
def test_the_step_of_any_optimizer_ends_it(layer: torch.nn.Linear, kind: Any, arguments: dict[str, Any]) -> None:
    optimizer = kind(layer.parameters(), lr=0.1, **arguments)
    for parameter in layer.parameters():
        parameter.grad = torch.ones_like(parameter)
    before = layer.weight.detach().clone()
    optimizer.step(lambda: 1.0)
    assert not torch.equal(before, layer.weight)
    assert not is_on_grid(layer.weight, FMT)
    assert not is_on_grid(layer.bias, FixedPoint(9, 4))


def reread(thing: Any) -> Any:
    file = io.BytesIO()
    torch.save(thing, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("name", ["deepcopy", "copy", "saved"])
def test_copies_are_not_marked_and_never_become_so(layer: torch.nn.Linear, name: str) -> None:
    copied = {"deepcopy": copy.deepcopy, "copy": copy.copy, "saved": reread}[name](layer.weight)
    assert torch.equal(copied, layer.weight)
    for _ in range(2 * layer.weight._version + 2):
        assert not is_on_grid(copied, FMT)
        with torch.no_grad():
            copied.add_(1e-3)


def test_a_mark_copied_by_hand_does_not_hold(layer: torch.nn.Linear) -> None:
    other = torch.nn.Parameter(torch.rand(2, 3))
    other.__dict__.update(layer.weight.__dict__)
    for _ in range(layer.weight._version + 2):
        assert not is_on_grid(other, FMT)
        with torch.no_grad():
            other.add_(1e-3)


def test_inference_tensors_are_never_on_a_grid() -> None:
    with torch.inference_mode():
        made = torch.zeros(3)
    assert not is_on_grid(made, FMT)
    parameter = torch.nn.Parameter(torch.zeros(3))
    mark([parameter], [FMT])
    with torch.inference_mode():
        assert is_on_grid(parameter, FMT)

"""Modules that compute something else than they seem to, rarely enough to pass a check on random vectors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

import creator
from creator import CreatorError, FixedPoint, nn

IN_PLACE: dict[str, Callable[[torch.Tensor], object]] = {
    "module": torch.nn.Hardtanh(-120.0, 120.0, inplace=True),
    "function": lambda y: F.hardtanh(y, -120.0, 120.0, True),
    "view": lambda y: F.hardtanh(y.view(-1, 4), -120.0, 120.0, True),
    "chunk": lambda y: y.chunk(2, 1)[0].clamp_(-120, 120),
    "unbind": lambda y: y.unbind(1)[0].mul_(1.0).clamp_(max=120),
    "method": lambda y: y.clamp_(-120, 120),
}


class Around(torch.nn.Module):
    """A linear layer whose output is handed to ``act``, which is then forgotten."""

    def __init__(self, act: Callable[[torch.Tensor], object]) -> None:
        super().__init__()
        self.quantize = nn.Quantize(FixedPoint(12, 2))
        self.linear = nn.Linear(4, 4, output=FixedPoint(12, 2))
        self.act = act

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.linear(self.quantize(x))
        self.act(y)
        return y


@pytest.mark.parametrize("name", IN_PLACE)
def test_a_value_that_is_changed_behind_its_readers_is_refused(name: str) -> None:
    with pytest.raises(CreatorError, match=r"in place|several results|several values"):
        creator.trace(Around(IN_PLACE[name]), 4)


def test_in_place_is_fine_where_nothing_reads_the_old_value() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(nn.Quantize(FixedPoint(8, 4)), nn.Linear(4, 3), torch.nn.ReLU(inplace=True), nn.Linear(3, 2))
    assert [node.op.name for node in creator.trace(model, 4).nodes] == ["linear", "linear"]


class AlwaysDropping(torch.nn.Sequential):
    def train(self, mode: bool = True) -> AlwaysDropping:
        super().train(mode)
        self[-1].training = True
        return self


def test_a_module_that_stays_in_training_is_refused() -> None:
    model = AlwaysDropping(nn.Quantize(FixedPoint(8, 4)), nn.Linear(4, 3), torch.nn.Dropout(1e-4))
    with pytest.raises(CreatorError, match=r"^2: it stays in training mode"):
        creator.trace(model, 4)


class GradientMode(torch.nn.Module):
    def __init__(self, other: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.quantize, self.other = nn.Quantize(FixedPoint(8, 4)), other

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.quantize(x)
        return self.other(y) if torch.is_grad_enabled() else torch.relu(y)


OTHERS = {
    "other codes": lambda y: y.clamp(-1, 1),
    "values between codes": lambda y: torch.relu(y) + 2**-9,
    "infinities": lambda y: torch.relu(y) + torch.where(y == 7.9375, torch.inf, 0.0),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_forward_that_asks_for_the_gradient_mode_is_refused(name: str) -> None:
    with pytest.raises(CreatorError, match="does not reproduce"):
        creator.trace(GradientMode(OTHERS[name]), 4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.complex64])
def test_types_that_cannot_hold_codes_are_refused_in_eval_mode(dtype: torch.dtype) -> None:
    with pytest.raises(CreatorError, match="cannot hold every code exactly"):
        nn.Quantize(FixedPoint(8, 4)).eval()(torch.zeros(3, dtype=dtype))


@pytest.mark.parametrize("bits", [1, 2, 8])
def test_large_values_wrap_as_specified(bits: int) -> None:
    fmt = FixedPoint(bits, 0)
    x = torch.tensor([2.0**60 + 2.0**8, -(2.0**60) - 2.0**9, 2.0**52 + 1, -(2.0**52) - 1, 129.0, -129.0], dtype=torch.float64)
    y = nn.Quantize(fmt, overflow="wrap").eval()(x)
    assert y.tolist() == fmt.to_integers(x.numpy(), overflow="wrap").tolist()


def test_the_bound_of_a_sum_is_that_of_one_row() -> None:
    """The widest row and the largest bias belong to different rows, so their sum is no bound that matters."""
    wide = FixedPoint(50, 0)
    layer = nn.Linear(1, 2, bias=FixedPoint(52, 0), weight=FixedPoint(3, 0), output=FixedPoint(52, 0))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0], [0.0]]))
        layer.bias.copy_(torch.tensor([0.0, 2.0**50]))
    model = torch.nn.Sequential(nn.Quantize(wide), layer)
    graph = creator.trace(model.double(), 1)
    x = torch.tensor([[2.0**49 - 1]], dtype=torch.float64)
    assert model.eval()(x).tolist() == graph.run(wide.to_integers(x.numpy())).tolist()

"""Activations of torch without a format: refused, with the layer that has one."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import creator
from creator import CreatorError, FixedPoint, nn

MODULES = {
    torch.nn.GELU: "GELU",
    torch.nn.ELU: "ELU",
    torch.nn.Softplus: "Softplus",
    torch.nn.Mish: "Mish",
    torch.nn.Hardsigmoid: "HardSigmoid",
    torch.nn.Hardswish: "HardSwish",
    torch.nn.LeakyReLU: "LeakyReLU",
}
FUNCTIONS = {
    torch.exp: "Exp",
    F.gelu: "GELU",
    F.elu: "ELU",
    F.softplus: "Softplus",
    F.mish: "Mish",
    F.hardsigmoid: "HardSigmoid",
    F.hardswish: "HardSwish",
    F.leaky_relu: "LeakyReLU",
}


class Calling(torch.nn.Module):
    def __init__(self, function: object) -> None:
        super().__init__()
        self.quantize, self.function = nn.Quantize(FixedPoint(8, 4)), function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self.quantize(x))


@pytest.mark.parametrize(("kind", "name"), MODULES.items())
def test_modules(kind: type[torch.nn.Module], name: str) -> None:
    with pytest.raises(CreatorError, match=rf"^function: {kind.__name__} is not supported \(hint: use creator.nn.{name}\)$"):
        creator.trace(Calling(kind()), 4)


@pytest.mark.parametrize(("function", "name"), FUNCTIONS.items())
def test_functions(function: object, name: str) -> None:
    with pytest.raises(CreatorError, match=rf"this operation is not supported \(hint: use creator.nn.{name}\)$"):
        creator.trace(Calling(function), 4)

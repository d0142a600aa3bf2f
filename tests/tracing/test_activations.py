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
    torch.nn.SELU: "SELU",
    torch.nn.CELU: "CELU",
    torch.nn.LogSigmoid: "LogSigmoid",
    torch.nn.Softsign: "Softsign",
    torch.nn.Tanhshrink: "TanhShrink",
    torch.nn.Hardshrink: "HardShrink",
    torch.nn.Softshrink: "SoftShrink",
    torch.nn.GLU: "GLU",
    torch.nn.Hardsigmoid: "HardSigmoid",
    torch.nn.Hardswish: "HardSwish",
    torch.nn.LeakyReLU: "LeakyReLU",
    torch.nn.PReLU: "PReLU",
}
FUNCTIONS = {
    torch.exp: "Exp",
    F.gelu: "GELU",
    F.elu: "ELU",
    F.softplus: "Softplus",
    F.mish: "Mish",
    F.selu: "SELU",
    F.celu: "CELU",
    F.logsigmoid: "LogSigmoid",
    F.softsign: "Softsign",
    F.tanhshrink: "TanhShrink",
    F.hardshrink: "HardShrink",
    F.softshrink: "SoftShrink",
    F.glu: "GLU",
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


def test_a_slope_a_channel_is_for_the_last_axis_of_the_graph() -> None:
    layer = nn.PReLU(3)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([0.25, -0.5, 0.125]))
    flat, rows = (creator.trace(Calling(layer), shape) for shape in (3, (3, 2)))
    assert [node.op.name for node in flat.nodes] == ["slope"]
    assert [node.op.name for node in rows.nodes] == ["permute", "slope", "permute"]
    assert rows.nodes[1].type.shape == (2, 3)
    model = torch.nn.Sequential(
        nn.Quantize(FixedPoint(8, 4)), nn.Conv1d(2, 3, 2), layer, nn.Conv1d(3, 1, 1), torch.nn.Flatten()
    )
    graph = creator.trace(model.eval(), (2, 5))
    assert [node.op.name for node in graph.nodes][1:4] == ["conv", "slope", "conv"]


@pytest.mark.parametrize("layer", [nn.PReLU(), nn.LeakyReLU(slope=FixedPoint(8, 7)), nn.HardSigmoid(slope=FixedPoint(8, 9))])
def test_a_slope_between_arbitrary_scales_is_refused(layer: torch.nn.Module) -> None:
    model = torch.nn.Sequential(nn.Quantize(creator.Affine(0.1, 3)), layer)
    with pytest.raises(CreatorError, match="between arbitrary scales is not supported"):
        creator.trace(model, 4)

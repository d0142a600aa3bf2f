"""Sums, products and quotients with numbers, parameters and buffers in ``forward``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import creator
from creator import Affine, CreatorError, FixedPoint, nn
from tests.tracing.test_joins import Body, Branching, conv, operations, traced

F = FixedPoint
PAIR = torch.tensor([0.5, -1.25])


class Constants(Branching):
    """With a parameter and a buffer of two channels, one of six features, and a number."""

    def __init__(self, body: Body, **layers: torch.nn.Module) -> None:
        super().__init__(body, **layers)
        self.scale = torch.nn.Parameter(PAIR.clone())
        self.register_buffer("shift", torch.tensor([[[[3.0]], [[-0.125]]]]))
        self.register_buffer("features", torch.tensor([1.0, -2.0, 0.75, 0.0, 0.03125, 16.0]))
        self.number = torch.nn.Parameter(torch.tensor(0.375))
        self.learned = torch.nn.Parameter(torch.tensor([0.3, -0.7])[:, None, None])


@pytest.mark.parametrize(
    ("body", "output", "names"),
    [
        (lambda s, x: x * 0.5, F(8, 5), ["shift"]),
        (lambda s, x: 4 * x, F(8, 2), ["shift"]),
        (lambda s, x: x / 8, F(8, 7), ["shift"]),
        (lambda s, x: x.div(0.25), F(8, 2), ["shift"]),
        (lambda s, x: x.mul_(2).relu(), F(8, 3), ["shift", "clamp"]),
        (lambda s, x: x * 0.25 * 4, F(8, 4), ["shift", "shift"]),
        (lambda s, x: x * 1, F(8, 4), []),
        (lambda s, x: x + 0, F(8, 4), []),
        (lambda s, x: -x, F(9, 4), ["slope"]),
        (lambda s, x: torch.neg(s.relu(x)), F(9, 4), ["clamp", "slope"]),
        (lambda s, x: x / -2, F(9, 5), ["slope"]),
        (lambda s, x: x * 3, F(10, 4), ["slope"]),
        (lambda s, x: x * 12, F(10, 2), ["slope"]),
        (lambda s, x: x * -0.625, F(11, 7), ["slope"]),
        (lambda s, x: x + 1, F(9, 4), ["slope"]),
        (lambda s, x: 1 + x, F(9, 4), ["slope"]),
        (lambda s, x: torch.add(x, other=0.01171875), F(12, 8), ["slope"]),
        (lambda s, x: x - 16, F(10, 4), ["slope"]),
        (lambda s, x: 1 - x, F(9, 4), ["slope"]),
        (lambda s, x: x.sub(0.5), F(9, 4), ["slope"]),
        (lambda s, x: x + 8, F(8, 4, signed=False), ["slope"]),
        (lambda s, x: x * s.number, F(10, 7), ["slope"]),
        (lambda s, x: x * s.number.abs() * 2, F(10, 6), ["slope", "shift"]),
        (lambda s, x: x * s.features, F(17, 9), ["slope"]),
        (lambda s, x: x + s.features, F(11, 5), ["conv"]),
        (lambda s, x: s.features - x, F(11, 5), ["conv"]),
        (lambda s, x: x * s.features.view(1, -1), F(17, 9), ["slope"]),
        (lambda s, x: s.out(x, s.features[None] * 0.375), F(6, 2), ["slope"]),
        (lambda s, x: s.out(s.features[None], x), F(6, 2), ["slope"]),
        (lambda s, x: x * s.grid(s.features), F(13, 7), ["slope"]),
    ],
)
def test_of_features(body: Body, output: FixedPoint, names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.tracing.test_joins.Branching", Constants)
    layers = {"relu": nn.ReLU(), "out": nn.Multiply(F(6, 2)), "grid": nn.Quantize(F(6, 3))}
    graph = traced(body, **layers)
    assert graph.output_format == output
    assert [name for name in operations(graph) if name != "reshape"] == names


@pytest.mark.parametrize(
    "body",
    [
        lambda s, x: s.conv(x) * s.scale[:, None, None],
        lambda s, x: x * s.scale.view(1, -1, 1, 1),
        lambda s, x: s.conv(x) + s.shift,
        lambda s, x: s.shift - s.conv(x),
        lambda s, x: s.conv(s.conv(x) * -0.5),
        lambda s, x: s.conv(x) + torch.tensor([0.5, 1.0, -1.0]),
        lambda s, x: s.conv(x) * torch.tensor([0.5, 1.0, -1.0]),
        lambda s, x: s.add(s.conv(x), s.learned[None]),
        lambda s, x: s.sub(s.grid(s.learned)[None], s.conv(x)),
        lambda s, x: s.mul(x, s.grid(s.learned)[None]),
        lambda s, x: s.conv(x) * s.grid(s.learned) + s.shift,
        lambda s, x: s.conv(x).flatten(1) + 0.5,
        lambda s, x: s.conv(x).permute(0, 2, 3, 1) * s.scale,
        lambda s, x: 1 - s.sigmoid(s.conv(x)),
        lambda s, x: x * s.sigmoid(x) + (1 - s.sigmoid(x)) * s.conv(x),
        lambda s, x: s.mul(x, s.relu6(x + 3)) / 8,
    ],
)
def test_of_pixels(body: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.tracing.test_joins.Branching", Constants)
    layers = {"conv": conv(2, 2), "add": nn.Add(F(6, 2)), "sub": nn.Subtract(F(7, 3), "floor"), "mul": nn.Multiply(F(6, 2))}
    layers |= {"grid": nn.Quantize(F(6, 5)), "sigmoid": nn.Sigmoid(F(6, 5)), "relu6": torch.nn.ReLU6()}
    graph = traced(body, (2, 4, 3), **layers)
    assert operations(graph).count("permute") <= 2


@pytest.mark.parametrize(
    ("branch", "where", "what"),
    [
        (lambda s, x: x * 0.1, "mul", "bits, more than the 24 that PyTorch holds here (hint: use a constant of fewer bits"),
        (lambda s, x: x + 0.1, "add", "bits, more than the 24"),
        (lambda s, x: x / 3, "truediv", "only a quotient with a power of two is exact"),
        (lambda s, x: 1 / x, "truediv", "only a quotient with a power of two"),
        (lambda s, x: x / 0, "truediv", "only a quotient with a power of two"),
        (lambda s, x: x / x, "truediv", "a quotient of two values"),
        (lambda s, x: torch.div(x, 2, rounding_mode="floor"), "div", "these arguments are not supported"),
        (lambda s, x: torch.div(x, other=2, rounding_mode=None), "div", "these arguments are not supported"),
        (lambda s, x: x + float("inf"), "add", "a constant is not finite"),
        (lambda s, x: x * 1j, "mul", "an operand that is no value of the network"),
        (lambda s, x: torch.add(x, 1, alpha=2), "add", "these arguments are not supported"),
        (lambda s, x: x * torch.ones(3, 6), "mul", "adds axes"),
        (lambda s, x: x + torch.ones(2, 1, 6), "add", "adds axes"),
        (lambda s, x: x.view(-1, 2, 3) * torch.tensor([[1.0, 2, 3], [4, 5, 6]]), "mul", "differs along several axes"),
        (lambda s, x: x.view(-1, 1, 2, 3) * torch.tensor([[1.0], [2]]), "mul", "differs along another axis"),
        (lambda s, x: s.affine(x, s.features[None]), "affine", "its output must be a FixedPoint"),
        (lambda s, x: x * s.learned.flatten()[0], "mul", "bits, more than the 24"),
        (lambda s, x: s.out(x, s.features[None] + 1e-9), "out", "a slope has more than 24 bits"),
        (lambda s, x: x * 2**-40 * 2**-40 * 2**-40 * 2**-40, "mul", "its result has 164 fractional bits"),
        (lambda s, x: s.number * 2, "output", "must return one value"),
    ],
)
def test_what_is_refused(branch: Callable[[Constants, torch.Tensor], torch.Tensor], where: str, what: str) -> None:
    layers = {"affine": nn.Multiply(Affine(0.3)), "out": nn.Multiply(F(6, 2))}
    with pytest.raises(CreatorError) as info:
        creator.trace(Constants(branch, **layers), 6)
    assert str(info.value).startswith(f"{where}: ")
    assert what in str(info.value)


def test_arbitrary_scales_meet_no_constants() -> None:
    model = Branching(lambda s, x: x * 2)
    model.entry = nn.Quantize(Affine(0.3))
    with pytest.raises(CreatorError, match=r"^mul: a constant meets the arbitrary scale of .*put nn.Quantize with"):
        creator.trace(model, 4)


def test_before_there_is_a_format() -> None:
    class Centred(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.entry = nn.Quantize(F(8, 4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.entry(x - 0.5)

    with pytest.raises(CreatorError, match=r"^sub: its input has no number format"):
        creator.trace(Centred(), 4)

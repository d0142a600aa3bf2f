"""Functions that move, reduce, compare and gate values, prepared: the graph equals the converted model, near the first one."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional

import creator
from creator import CreatorError, nn
from creator.preparation import default_affine_qconfig, default_qconfig, observed_qconfig

IMAGE = (4, 2, 4)


class Calling(torch.nn.Module):
    """A convolution, a function of its result, and a ReLU."""

    def __init__(self, function) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.function = torch.nn.Conv2d(IMAGE[0], IMAGE[0], 1), function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self.conv(x))


def images() -> torch.Tensor:
    return torch.randn(64, *IMAGE, generator=torch.Generator().manual_seed(2))


def operations(function, config=None) -> list[str]:
    model, x = Calling(function).eval(), images()
    prepared = creator.calibrate(creator.prepare(model, x[:1], config), [x])
    converted = creator.convert(prepared).eval()
    graph = creator.trace(converted, IMAGE)
    codes = graph.run(graph.input_format.to_integers(x.numpy()))
    with torch.no_grad():
        y, expected = converted(x), model(x)
    assert (graph.output_format.from_integers(codes).reshape(y.shape) == y.double().numpy()).all()
    assert (y - expected).abs().max() < 0.05 * expected.abs().max()
    return [node.op.name for node in graph.nodes if node.op.name not in ("permute", "reshape", "conv")]


FUNCTIONS = {
    "sum of pixels": (lambda x: x.sum((2, 3)), ["sumpool", "rescale"]),
    "sum of columns, kept": (lambda x: torch.sum(x, -1, keepdim=True), ["sumpool", "rescale"]),
    "sum of channels": (lambda x: x.sum(1), ["sumpool", "rescale"]),
    "sum of everything": (lambda x: x.sum((1, 2, 3)), ["sumpool", "rescale"]),
    "sum of a row": (lambda x: x.flatten(1).sum(1, keepdim=True), ["sumpool", "rescale"]),
    "sum of frames": (lambda x: x.flatten(2).sum(2), ["sumpool", "rescale"]),
    "mean of everything": (lambda x: x.mean((1, 2, 3)), ["sumpool", "rescale"]),
    "largest": (lambda x: x.amax((2, 3)) + x.flatten(2).max(-1).values, ["maxpool", "maxpool", "add"]),
    "largest of channels": (lambda x: torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]], 1),
                            ["sumpool", "rescale", "maxpool", "concatenate"]),
    "stack": (lambda x: torch.stack((x, torch.relu(x)), 1).sum(1), ["clamp", "concatenate", "sumpool", "rescale"]),
    "unbind": (lambda x: x.unbind(1)[0] + x.select(1, 2), ["slice", "slice", "add"]),
    "every other pixel": (lambda x: functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1)), ["slice", "maxpool", "pad"]),
    "pixel shuffle": (torch.nn.PixelShuffle(2), []),
    "pixel unshuffle": (lambda x: functional.pixel_unshuffle(x, 2), []),
    "channel shuffle": (torch.nn.ChannelShuffle(2), []),
    "gated": (torch.nn.GLU(1), ["slice", "slice", "lookup", "multiply"]),
    "gated, as a function": (lambda x: functional.glu(x, dim=-1), ["slice", "slice", "lookup", "multiply"]),
    "square": (lambda x: x**2, ["multiply"]),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    function, expected = FUNCTIONS[name]
    assert [each for each in operations(function, default_qconfig) if each not in ("quantize", "slope")] == expected


ANY_SCALE = [
    "sum of pixels", "sum of channels", "sum of a row", "largest of channels", "unbind", "every other pixel", "pixel shuffle",
    "channel shuffle", "gated", "square",
]  # fmt: skip


@pytest.mark.parametrize("name", ANY_SCALE)
def test_functions_between_arbitrary_scales(name: str) -> None:
    assert operations(FUNCTIONS[name][0], default_affine_qconfig)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.amin(1),
        torch.square,
        lambda x: x.max(1)[0],
        lambda x: x.sum(1),
        abs,
        lambda x: torch.minimum(x, 0.5 * x),
        lambda x: torch.stack([x, abs(x)], 1),
    ],
)
def test_wide_tables_know_the_format_behind_a_function(function) -> None:
    assert operations(lambda x: torch.sigmoid(function(x)), observed_qconfig(14, 8))[-1] == "polynomial"


def test_the_smaller_of_a_positive_value_and_another_is_not_positive() -> None:
    x, y = torch.relu, torch.neg
    assert "add" in operations(lambda v: torch.minimum(x(v), v) + torch.minimum(x(v), y(v)))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x.sum(), "sum: mixes the batch with other axes"),
        (lambda x: x.sum(1, dtype=torch.float64), "sum: dtype= is not supported"),
        (lambda x: x.flip(1), "cannot be prepared: flip .hint: turn the data"),
        (lambda x: torch.log_softmax(x, 1), "cannot be prepared: log_softmax .hint: leave it out"),
        (torch.nn.LayerNorm(4), "function .LayerNorm. .hint: statistics of a sample"),
        (lambda x: x.mT, "getattr .hint: use x.transpose"),
    ],
)
def test_refusals_say_what_to_do(function, message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        operations(function)


def test_a_gated_linear_unit_keeps_its_axis_and_can_be_configured() -> None:
    config = creator.QConfigMapping(default_qconfig)
    config.set_object_type(torch.nn.GLU, creator.QConfig(creator.FixedPoint(6, 4), creator.FixedPoint(8, 6)))
    model = creator.prepare(Calling(torch.nn.GLU(1)), images(), config)
    assert isinstance(model.function, nn.GLU)
    assert model.function.dim == 1
    assert model.function.multiply.quantize.output_format == creator.FixedPoint(6, 4)

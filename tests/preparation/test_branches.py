"""Prepared networks whose values have several readers: what joins them stays, and sums and products are quantized."""

from __future__ import annotations

import functools

import pytest
import torch

import creator
from creator import CreatorError, FixedPoint
from creator.preparation import default_affine_qconfig, default_lsq_qconfig, default_qconfig, observed_qconfig
from creator.quantize import E4M3, FloatQuantizer


class Branches(torch.nn.Module):
    """Two layers, and what ``join`` makes of the first one's input and output."""

    def __init__(self, join, width: int = 6) -> None:
        super().__init__()
        self.first, self.last, self.join = torch.nn.Linear(6, 6), torch.nn.Linear(width, 3), join

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.join(self.first(x), x)))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("join", "operations"),
    [
        (lambda y, x: y + x, ["linear", "add", "linear"]),
        (lambda y, x: x.sub(y), ["linear", "add", "linear"]),
        (lambda y, x: y * x, ["linear", "multiply", "linear"]),
        (lambda y, x: y[:, :6] + x.chunk(1, 1)[0], ["linear", "add", "linear"]),
    ],
)
def test_a_network_with_branches_is_prepared_and_traced(join, operations: list[str]) -> None:
    torch.manual_seed(0)
    x = torch.randn(40, 6)
    model = creator.prepare(Branches(join), x[:1])
    creator.calibrate(model, [x])
    graph = creator.trace(creator.convert(model), 6)
    assert [node.op.name for node in graph.nodes] == operations
    creator.translate(graph)


class Called(torch.nn.Module):
    """A convolution, and ``body`` of its result and the input."""

    def __init__(self, body) -> None:
        super().__init__()
        self.conv, self.body = torch.nn.Conv2d(2, 2, 3, padding=1), body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(torch.relu(self.conv(x)), x)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("body", "operations"),
    [
        (lambda y, x: y.transpose(1, 3).permute(0, 3, 2, 1), ["conv"]),
        (lambda y, x: torch.transpose(y, 2, 3), ["conv"]),
        (lambda y, x: torch.nn.functional.avg_pool2d(y, x.shape[2:]).view(x.size(0), -1), ["conv", "sumpool", "rescale"]),
        (lambda y, x: (y + x).mean((2, 3)), ["conv", "add", "sumpool", "rescale"]),
        (lambda y, x: y.flatten(2).transpose(1, 2).mean(1), ["conv", "sumpool", "rescale"]),
        (lambda y, x: y.mean(1, keepdim=True), ["conv", "sumpool", "rescale"]),
        (lambda y, x: torch.mean(y, dim=(1, 3), keepdim=True), ["conv", "sumpool", "rescale"]),
    ],
)
def test_functions_of_sizes_and_of_sums(body, operations: list[str]) -> None:
    torch.manual_seed(0)
    x = torch.randn(20, 2, 4, 3)
    model = creator.prepare(Called(body), x[:1])
    creator.calibrate(model, [x])
    converted = creator.convert(model).eval()
    graph = creator.trace(converted, (2, 4, 3))
    assert [node.op.name for node in graph.nodes if node.op.name not in ("permute", "reshape")] == operations
    codes = graph.run(graph.input_format.to_integers(x.numpy()))
    with torch.no_grad():
        assert (graph.output_format.from_integers(codes) == converted(x).numpy()).all()


CONFIGURATIONS = {
    "powers of two": default_qconfig,
    "zero points": default_affine_qconfig,
    "learned": default_lsq_qconfig,
    "fixed": creator.QConfig(FixedPoint(7, 4), FixedPoint(6, 5)),
    "E4M3": creator.QConfig(functools.partial(FloatQuantizer, E4M3), FixedPoint(6, 5)),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
@pytest.mark.parametrize("positive", [False, True])
def test_the_values_of_a_concatenation_get_one_format(name: str, positive: bool) -> None:
    def body(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([y, torch.nn.functional.max_pool2d(torch.relu(x), 1) if positive else x, y], dim=1)

    torch.manual_seed(0)
    x = 3 * torch.randn(20, 2, 4, 3)
    model = creator.prepare(torch.nn.Sequential(Called(body), torch.nn.Conv2d(6, 2, 1)), x[:1], CONFIGURATIONS[name])
    creator.calibrate(model, [x])
    converted = creator.convert(model).eval()
    graph = creator.trace(converted, (2, 4, 3))
    codes = graph.run(graph.input_format.to_integers(x.numpy()))
    with torch.no_grad():
        assert (graph.output_format.from_integers(codes) == converted(x).numpy()).all()
    joined = next(node for node in graph.nodes if node.op.name == "concatenate")
    if name in ("powers of two", "zero points"):
        assert joined.type.format.signed == (not positive)
    if name != "E4M3":
        assert joined.type.format.total_bits == (7 if name == "fixed" else 8)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_residual_blocks_translate_with_every_kind_of_scale(name: str) -> None:
    def body(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        gated = (y + x) if name == "E4M3" else (y + x) * torch.sigmoid(x)  # a product of E4M3 is wider than float32
        return torch.relu(gated - y)

    torch.manual_seed(0)
    x = 2 * torch.randn(20, 2, 4, 3)
    config = CONFIGURATIONS[name]
    model = creator.prepare(torch.nn.Sequential(Called(body), torch.nn.Conv2d(2, 2, 1)), x[:1], config)
    creator.calibrate(model, [x])
    converted = creator.convert(model).eval()
    graph = creator.trace(converted, (2, 4, 3))
    codes = graph.run(graph.input_format.to_integers(x.numpy()))
    with torch.no_grad():
        assert (graph.output_format.from_integers(codes) == converted(x).numpy()).all()


@pytest.mark.parametrize("name", ["zero points", "learned"])
@pytest.mark.parametrize("body", [
    lambda y, x: torch.nn.functional.relu6(x + y),
    lambda y, x: torch.nn.functional.hardtanh(x + y, -0.7, 1.3),
    lambda y, x: (x + y).clamp(min=-1, max=2),
])  # fmt: skip
def test_limits_become_those_of_the_nearest_codes(name: str, body) -> None:
    torch.manual_seed(0)
    x = 4 * torch.randn(20, 2, 4, 3)
    model = creator.prepare(Called(body), x[:1], CONFIGURATIONS[name])
    creator.calibrate(model, [x])
    converted = creator.convert(model).eval()
    graph = creator.trace(converted, (2, 4, 3))
    codes = graph.run(graph.input_format.to_integers(x.numpy()))
    with torch.no_grad():
        before, after = model.eval()(x), converted(x)
    assert (graph.output_format.from_integers(codes) == after.double().numpy()).all()
    assert (before - after).abs().max() <= graph.output_format.scale


class Upwards(torch.nn.Module):
    """A transposed convolution that is told the size of its result."""

    def __init__(self, size) -> None:
        super().__init__()
        self.down = torch.nn.Conv2d(1, 2, 3, stride=2, padding=1)
        self.up, self.size = torch.nn.ConvTranspose2d(2, 1, 3, stride=2, padding=1), size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.up(self.down(x), output_size=self.size(x))  # type: ignore[no-any-return]


@pytest.mark.parametrize("size", [lambda x: x.shape[2:], lambda x: (6, 5), lambda x: [x.size(2), x.size(3)]])
def test_a_transposed_convolution_may_be_told_its_size(size) -> None:
    torch.manual_seed(0)
    x, float_model = torch.randn(20, 1, 6, 5), Upwards(size).eval()
    model = creator.prepare(float_model, x[:1], creator.QConfig(FixedPoint(16, 12), FixedPoint(16, 14)))
    converted = creator.convert(creator.calibrate(model, [x])).eval()
    assert creator.trace(converted, (1, 6, 5)).output_shape == (1, 6, 5)
    with torch.no_grad():
        assert (converted(x) - float_model(x)).abs().max() < 0.01


def test_arguments_that_a_layer_does_not_take_are_refused() -> None:
    class Twice(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up = torch.nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.up(self.up(x, output_size=(5, 5)), output_size=(10, 10))

    with pytest.raises(CreatorError, match=r"^up: is called more than once with a size"):
        creator.prepare(Twice(), torch.randn(2, 1, 3, 3))


def test_a_limited_layer_has_one_arbitrary_scale() -> None:
    torch.manual_seed(0)
    x, limit = torch.randn(20, 6), torch.nn.ReLU6()
    layers = (torch.nn.Linear(6, 6), limit, torch.nn.Linear(6, 6), limit)
    with torch.no_grad():
        layers[0].weight.mul_(40)
        layers[2].weight.mul_(30)
    model = creator.prepare(torch.nn.Sequential(*layers), x[:1], default_affine_qconfig)
    creator.calibrate(model, [x])
    with pytest.raises(CreatorError, match="1: it is called with inputs of two formats"):
        creator.convert(model)


def test_a_sum_has_a_configuration_by_its_type() -> None:
    config = creator.QConfigMapping(default_qconfig).set_object_type(creator.nn.Add, observed_qconfig(5))
    torch.manual_seed(0)
    x = torch.randn(40, 6)
    model = creator.prepare(Branches(lambda y, x: y - (y + x)), x[:1], config)
    creator.calibrate(model, [x])
    converted = creator.convert(model)
    assert converted.get_submodule("add").quantize.output_format.total_bits == 5
    assert converted.get_submodule("sub").quantize.output_format.total_bits == 8


def test_operands_by_name_keep_their_order() -> None:
    torch.manual_seed(0)
    x = torch.randn(40, 6)
    float_model = Branches(lambda y, x: torch.sub(other=y, input=x)).eval()
    model = creator.prepare(float_model, x[:1])
    creator.calibrate(model, [x])
    with torch.no_grad():
        assert (model(x) - float_model(x)).abs().max() < 0.1


def test_a_value_that_is_overwritten_and_read_again_is_refused() -> None:
    def body(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        z = torch.relu(y)
        z += x
        return z * y

    def reading(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        before = y
        y += x
        return y * before

    x = torch.randn(4, 6)
    creator.prepare(Branches(body), x)
    with pytest.raises(CreatorError, match=r"its forward does what torch\.fx does not see"):  # for which += is +
        creator.prepare(Branches(reading), x)
    with pytest.raises(CreatorError, match="changes in place a value that is read elsewhere too"):
        creator.prepare(Branches(lambda y, x: y.add_(x) * y), x)


def test_an_operand_that_is_no_value_of_the_network_is_refused() -> None:
    with pytest.raises(CreatorError, match="cannot be prepared: add"):
        creator.prepare(Branches(lambda y, x: y + 0.1), torch.randn(1, 6))

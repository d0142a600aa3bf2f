"""What a module becomes: the graph computes what the model computes, and the model is left as it was."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import creator
from creator import FixedPoint, Graph, nn
from creator.graph.vectors import check_vectors
from creator.ops import Clamp, Linear

Q = FixedPoint
IN = Q(8, 4)
Sequential = torch.nn.Sequential


def same(model: torch.nn.Module, shape: int | tuple[int, ...], count: int = 200) -> Graph:
    """The model's graph, once both have been compared on corners and random codes."""
    graph = creator.trace(model, shape)
    x = check_vectors(graph, count)
    model.eval()
    with torch.no_grad():
        y = model(torch.from_numpy(graph.input_format.from_integers(x)).float())
    codes = y.double().numpy() * 2.0**graph.output_format.frac_bits
    assert np.array_equal(codes, codes.round())
    assert np.array_equal(codes.astype(np.int64), graph.run(x))
    return graph


def ops(graph: Graph) -> list[str]:
    return [node.op.name for node in graph.nodes]


def paths(graph: Graph) -> list[tuple[str, ...]]:
    return [node.paths for node in graph.nodes]


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(7)


class Block(torch.nn.Module):
    def __init__(self, n: int, m: int) -> None:
        super().__init__()
        self.fc = nn.Linear(n, m)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.fc(x))


class Net(torch.nn.Module):
    """Quantize and a linear layer; subclasses say what happens between and after."""

    def __init__(self, n: int = 12, m: int = 5) -> None:
        super().__init__()
        self.quantize = nn.Quantize(IN)
        self.fc = nn.Linear(n, m)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.fc(self.before(self.quantize(x))))

    def before(self, x: Tensor) -> Tensor:
        return x

    def after(self, x: Tensor) -> Tensor:
        return x


def test_sequential() -> None:
    model = Sequential(nn.Quantize(IN), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.Tanh(Q(7, 6)))
    graph = same(model, (6,))
    assert ops(graph) == ["linear", "linear", "lookup"]
    assert paths(graph) == [("1", "2"), ("3",), ("4",)]
    assert [node.name for node in graph.nodes] == ["linear_1", "linear_3", "lookup_4"]
    assert graph.output_format == Q(7, 6)


def test_nested_modules_give_dotted_paths() -> None:
    model = Sequential(nn.Quantize(IN), Sequential(Block(6, 5), Block(5, 4)), Block(4, 2))
    graph = same(model, 6)
    assert paths(graph) == [("1.0.fc", "1.0.act"), ("1.1.fc", "1.1.act"), ("2.fc", "2.act")]


@pytest.mark.parametrize(
    ("before", "shape", "expected"),
    [
        (lambda x: x, (12,), ["linear"]),
        (lambda x: torch.flatten(x, 1), (3, 4), ["reshape", "linear"]),
        (lambda x: x.flatten(1), (3, 2, 2), ["reshape", "linear"]),
        (lambda x: x.view(x.size(0), -1), (3, 4), ["reshape", "linear"]),
        (lambda x: x.view(x.shape[0], 12), (3, 4), ["reshape", "linear"]),
        (lambda x: x.reshape(-1, 12), (3, 4), ["reshape", "linear"]),
        (lambda x: torch.reshape(x, (x.size(0), -1)), (3, 4), ["reshape", "linear"]),
        (lambda x: x.squeeze(1), (1, 12), ["reshape", "linear"]),
        (lambda x: x.unsqueeze(1).squeeze(1), (12,), ["reshape", "reshape", "linear"]),
        (lambda x: x.contiguous(), (12,), ["linear"]),
        (lambda x: F.relu(x), (12,), ["clamp", "linear"]),
        (lambda x: torch.relu(x).view(x.size(0), -1), (3, 4), ["clamp", "reshape", "linear"]),
        (lambda x: x.relu(), (12,), ["clamp", "linear"]),
        (lambda x: F.relu6(x), (12,), ["clamp", "linear"]),
        (lambda x: F.hardtanh(x), (12,), ["clamp", "linear"]),
        (lambda x: F.hardtanh(x, -0.5, max_val=2.0), (12,), ["clamp", "linear"]),
        (lambda x: x.clamp(-1, 1), (12,), ["clamp", "linear"]),
        (lambda x: x.clamp(min=-1), (12,), ["clamp", "linear"]),
        (lambda x: torch.clamp(x, max=0.75), (12,), ["clamp", "linear"]),
        (lambda x: torch.clip(x, -100, 100), (12,), ["linear"]),
        (lambda x: F.dropout(x, 0.5, training=False), (12,), ["linear"]),
    ],
)
def test_functions_in_a_custom_forward(before, shape: tuple[int, ...], expected: list[str]) -> None:
    model = Net()
    model.before = before  # type: ignore[method-assign]
    assert ops(same(model, shape)) == expected


def test_functional_dropout_follows_the_mode_that_is_traced() -> None:
    class Dropping(Net):
        def after(self, x: Tensor) -> Tensor:
            return F.dropout(x, 0.5, self.training)

    assert ops(same(Dropping().train(), 12)) == ["linear"]


@pytest.mark.parametrize(
    "layer",
    [torch.nn.Identity(), torch.nn.Dropout(0.9), torch.nn.AlphaDropout(0.5), nn.Flatten(), torch.nn.Dropout1d(0.5)],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_that_do_nothing_in_eval_mode_vanish(layer: torch.nn.Module) -> None:
    graph = same(Sequential(nn.Quantize(IN), layer, nn.Linear(4, 3), layer), 4)
    assert ops(graph) == ["linear"]


def test_flatten_may_come_before_quantize() -> None:
    graph = same(Sequential(nn.Flatten(), nn.Quantize(IN), nn.Linear(12, 3)), (3, 4))
    assert ops(graph) == ["reshape", "linear"]
    assert graph.input_shape == (3, 4)


def test_flatten_and_unflatten() -> None:
    graph = same(Sequential(nn.Quantize(IN), nn.Flatten(), nn.ReLU(), torch.nn.Unflatten(1, (4, 3))), (3, 4))
    assert ops(graph) == ["reshape", "clamp", "reshape"]
    assert graph.output_shape == (4, 3)


def test_a_module_that_is_used_twice_becomes_two_nodes() -> None:
    class Twice(Net):
        def after(self, x: Tensor) -> Tensor:
            return self.fc(self.fc(F.relu(x)))

    graph = same(Twice(5, 5), 5)
    assert [node.name for node in graph.nodes] == ["fc", "fc_2", "fc_3"]
    assert [node.paths[0] for node in graph.nodes] == ["fc", "fc", "fc"]


def test_what_the_output_does_not_need_is_not_in_the_graph() -> None:
    class Auxiliary(Net):
        def forward(self, x: Tensor) -> Tensor:
            x = self.quantize(x)
            self.fc(F.relu(x))
            return self.fc(x)

    assert ops(same(Auxiliary(), 12)) == ["linear"]


def trained_norm(m: int = 5) -> Sequential:
    model = Sequential(nn.Quantize(IN), nn.Linear(6, m, bias=Q(12, 8)), nn.BatchNorm1d(m), nn.ReLU(), nn.Linear(m, 3))
    for _ in range(5):
        model(torch.randn(32, 6) * 3)
    with torch.no_grad():
        model[2].weight.uniform_(-2, 2)
        model[2].bias.uniform_(-1, 1)
    return model


def test_batch_normalisation_is_folded() -> None:
    graph = same(trained_norm(), 6)
    assert paths(graph) == [("1", "2", "3"), ("4",)]
    assert ops(graph) == ["linear", "linear"]


def test_folded_weights_are_the_scaled_ones() -> None:
    model = trained_norm().eval()
    (node, _) = creator.trace(model, 6).nodes
    assert isinstance(node.op, Linear)
    linear, norm = model[1], model[2]
    for row in range(5):
        scale = norm.weight[row].item() / math.sqrt(norm.running_var[row].item() + norm.eps)
        expected = linear.weight_format.to_integers([w * scale for w in linear.weight[row].tolist()])
        assert np.array_equal(node.op.weight[row], expected)


def test_activations_have_the_right_bounds() -> None:
    graph = same(Sequential(nn.Quantize(IN), nn.HardTanh(-0.5, 2.25)), 4)
    assert [node.op for node in graph.nodes] == [Clamp(-8, 36)]
    graph = same(Sequential(nn.Quantize(IN), nn.HardTanh(-100, 7.9375)), 4)
    assert graph.nodes == ()


@pytest.mark.parametrize(
    "layer", [nn.Sigmoid(), nn.Tanh(), nn.GELU("tanh"), nn.Exp(), nn.Lookup(math.erf), nn.Lookup(torch.square, Q(6, 0))]
)
@pytest.mark.parametrize("entry", [Q(8, 4), Q(5, 3, signed=False), Q(4, 2, symmetric=True), Q(1, 0)], ids=str)
def test_tables(layer: nn.Lookup, entry: FixedPoint) -> None:
    same(Sequential(nn.Quantize(entry), layer), 3)


def test_a_model_of_one_layer_is_traced() -> None:
    graph = creator.trace(nn.Quantize(IN), 4)
    assert graph.nodes == ()
    assert graph.input_format == graph.output_format == IN


@pytest.mark.parametrize("rounding", [r for r in creator.Rounding if r is not creator.Rounding.STOCHASTIC])
@pytest.mark.parametrize("overflow", creator.Overflow)
@pytest.mark.parametrize("output", [Q(4, 3), Q(5, 0, signed=False), Q(9, 12), Q(3, -2)], ids=str)
def test_every_rounding_and_overflow(rounding, overflow, output: FixedPoint) -> None:
    layer = nn.Linear(5, 4, output=output, rounding=rounding, overflow=overflow, weight=Q(6, 3))
    with torch.no_grad():
        layer.weight.mul_(6)
    same(Sequential(nn.Quantize(IN), layer, nn.Quantize(Q(3, 1), rounding, overflow)), 5)


@pytest.mark.parametrize("entry", [Q(8, 4, signed=False), Q(16, 12), Q(24, 20), Q(6, -2), Q(8, 12)], ids=str)
def test_every_input_format(entry: FixedPoint) -> None:
    same(Sequential(nn.Quantize(entry), nn.Linear(4, 3, weight=Q(5, 4), output=Q(10, entry.frac_bits))), 4)


def test_outputs_wider_than_float32_are_exact() -> None:
    layer = nn.Linear(4, 3, weight=Q(18, 16), output=Q(32, 20))
    same(Sequential(nn.Quantize(Q(16, 8)), layer), 4)


# The model is left alone.


def test_training_flags_are_restored() -> None:
    model = trained_norm().train()
    model[1].eval()
    before = [module.training for module in model.modules()]
    creator.trace(model, 6)
    assert [module.training for module in model.modules()] == before
    assert before == [True, True, False, True, True, True]


def test_training_flags_are_restored_after_a_refusal() -> None:
    model = Sequential(nn.Quantize(IN), torch.nn.GELU()).train()
    with pytest.raises(creator.CreatorError):
        creator.trace(model, 6)
    assert all(module.training for module in model.modules())


def test_a_model_in_train_mode_is_traced_as_in_eval_mode() -> None:
    model = trained_norm()
    assert creator.trace(model.train(), 6).text() == creator.trace(model.eval(), 6).text()


def test_parameters_buffers_and_gradients_are_untouched() -> None:
    model = trained_norm().train()
    model(torch.randn(4, 6)).sum().backward()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    gradients = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    creator.trace(model, 6)
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        assert parameter.requires_grad
        assert (gradient is None) == (parameter.grad is None)
        assert gradient is None or torch.equal(parameter.grad, gradient)


def test_random_states_are_untouched() -> None:
    model = Sequential(nn.Quantize(IN), nn.Linear(4, 3).train(), torch.nn.Dropout(0.5))
    torch.manual_seed(3)
    np.random.seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    creator.trace(model, 4).run([[1, 2, 3, 4]])
    torch_after, numpy_after = torch.get_rng_state(), np.random.get_state()[1].tolist()
    assert torch.equal(before[0], torch_after)
    assert before[1] == numpy_after


@pytest.mark.parametrize("enabled", [True, False])
def test_the_gradient_mode_does_not_matter(enabled: bool) -> None:
    with torch.set_grad_enabled(enabled):
        graph = creator.trace(trained_norm(), 6)
        assert torch.is_grad_enabled() is enabled
    assert ops(graph) == ["linear", "linear"]


def test_a_frozen_model_is_traced() -> None:
    same(trained_norm().requires_grad_(False), 6)


def test_the_same_model_gives_the_same_graph() -> None:
    model = trained_norm()
    first, second = creator.trace(model, 6), creator.trace(model, 6)
    assert first.text() == second.text()
    x = check_vectors(first, 20)
    assert np.array_equal(first.run(x), second.run(x))


def test_the_graph_does_not_change_with_the_model() -> None:
    model = trained_norm().eval()
    graph = creator.trace(model, 6)
    x = check_vectors(graph, 20)
    before = graph.run(x)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert np.array_equal(graph.run(x), before)


@pytest.mark.parametrize("shape", [6, (6,), [6], torch.Size([6])])
def test_the_input_shape_may_be_any_sequence(shape) -> None:
    assert creator.trace(trained_norm(), shape).input_shape == (6,)


def test_a_calibrated_quantizer_is_traced() -> None:
    entry = nn.Quantize()
    fmt = entry.calibrate(torch.tensor([0.3, -3.9]))
    assert fmt == Q(8, 5)
    assert creator.trace(Sequential(entry, nn.Linear(4, 2)), 4).input_format == fmt


@pytest.mark.parametrize("index", range(8))
def test_random_networks(index: int) -> None:
    torch.manual_seed(index)
    rng = np.random.default_rng(index)
    layers: list[torch.nn.Module] = [nn.Quantize(Q(int(rng.integers(2, 10)), int(rng.integers(-1, 7))))]
    width = first = int(rng.integers(1, 9))
    for _ in range(3):
        out = int(rng.integers(1, 9))
        formats = {"weight": Q(int(rng.integers(2, 9)), 3), "output": Q(int(rng.integers(2, 9)), int(rng.integers(0, 5)))}
        layers.append(
            nn.Linear(width, out, bias=bool(rng.integers(2)), rounding=str(rng.choice(["half_up", "floor"])), **formats)
        )
        layers += [[nn.ReLU()], [nn.Sigmoid()], [], [torch.nn.Dropout()]][int(rng.integers(4))]
        width = out
    same(Sequential(*layers), first)

"""The optimizer with the layers: they use what lies on its grid as it is, and train as if they had quantized it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from creator import FixedPoint, nn
from creator.optim import QuantizedOptimizer
from creator.quantize import Gradients
from creator.quantize.on_grid import is_on_grid
from tests.optim.models import batches, train

STEP = FixedPoint(16, 14)


def network(gradient: Gradients | None = None) -> torch.nn.Sequential:
    """Weights that stay inside their range, so that only rounding matters."""
    torch.manual_seed(0)
    wide = FixedPoint(8, 5)
    return torch.nn.Sequential(
        nn.Quantize(FixedPoint(8, 4)),
        nn.Linear(6, 8, weight=wide, bias=FixedPoint(10, 6), gradient=gradient),
        nn.ReLU(),
        nn.Linear(8, 3, weight=wide, gradient=gradient),
    )


@pytest.mark.parametrize("gradient", [None, Gradients(STEP, STEP, STEP)])
@pytest.mark.parametrize("make", [torch.optim.SGD, torch.optim.Adam])
def test_masters_train_as_layers_that_quantize_do(make: Any, gradient: Gradients | None) -> None:
    net = network(gradient)
    usual, blind = copy.deepcopy(net), copy.deepcopy(net)
    optimizer = QuantizedOptimizer(make(net.parameters(), lr=0.01), net, master=True)
    plain = make(usual.parameters(), lr=0.01)
    second = QuantizedOptimizer(make(blind.parameters(), lr=0.01), blind, master=True)
    for batch in batches(20):
        for parameter in blind.parameters():
            vars(parameter).pop("creator_on_grid", None)
        assert all(is_on_grid(layer.weight, layer.weight_format) for layer in (net[1], net[3]))
        assert train(net, optimizer, [batch]) == train(usual, plain, [batch]) == train(blind, second, [batch])
    names = {parameter: name for name, parameter in net.named_parameters()}
    assert len(optimizer._parameters) == 4
    for parameter, master in zip(optimizer._parameters, optimizer._masters, strict=True):
        assert torch.equal(master, usual.get_parameter(names[parameter]))
        assert not torch.equal(master, parameter)
    x = batches(1)[0][0]
    assert torch.equal(net.eval()(x), usual.eval()(x))


def test_a_layer_that_is_marked_does_not_round() -> None:
    net = network()
    optimizer = QuantizedOptimizer(torch.optim.SGD(net.parameters(), lr=0.01), net)
    layer = net[1]
    layer.weight.data[0, 0] = 0.001  # behind the counter's back
    assert is_on_grid(layer.weight, layer.weight_format)
    x = torch.zeros(1, 6)
    x[0, 0] = 1.0
    layer(x)[0, 0].backward()
    assert float(layer.weight.grad[0, 0]) == 1.0
    optimizer.step()
    assert float(layer.weight.detach()[0, 0]) == -0.0

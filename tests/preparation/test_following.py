"""``convert`` knows the formats of values that no layer has rounded."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

import creator
from creator import Affine, CreatorError, FixedPoint, nn
from creator.quantize import E2M1, BlockQuantizer, Microscaling

F = FixedPoint
SCALED = Affine(0.3, 0, 4)


class Exact(torch.nn.Module):
    """``body`` of two values of different formats, and after it a layer that computes with the format of its input."""

    def __init__(self, body: Callable[..., torch.Tensor], last: torch.nn.Module):
        super().__init__()
        self.entry, self.other, self.last = nn.Quantize(F(5, 2)), nn.Quantize(F(4, 4, signed=False)), last
        self.joined, self.threshold = nn.Concatenate(1), nn.MultiThreshold([0.5, -1.0, 2.0])
        self.blocks = nn.Quantize(BlockQuantizer(Microscaling(E2M1, 2), axis=1))
        self.register_buffer("pair", torch.tensor([[0.5], [-3.0]]))
        self.body = body

    def forward(self, x):
        x = self.entry(x)
        return self.last(self.body(self, x, self.other(x)))


BODIES = {
    "sum": lambda m, x, y: x + y,
    "difference": lambda m, x, y: y - x,
    "product": lambda m, x, y: x * y,
    "negative": lambda m, x, y: -x,
    "number": lambda m, x, y: 3 - x,
    "shift": lambda m, x, y: y / 4,
    "nothing": lambda m, x, y: x * 1,
    "buffer": lambda m, x, y: m.pair * x + 1,
    "concatenation": lambda m, x, y: torch.cat([x, y], 1)[:, 1:3],
    "concatenation, a module": lambda m, x, y: m.joined(x, y)[:, 1:3],
    "moved": lambda m, x, y: (x.permute(0, 2, 1) * 0.5).transpose(1, 2),
    "thresholds": lambda m, x, y: m.threshold(x),
    "blocks": lambda m, x, y: m.blocks(x),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_layer_between_scales_knows_the_format_of_an_exact_result(name):
    torch.manual_seed(0)
    last = nn.Conv1d(2, 2, 1, weight=SCALED, output=Affine(0.05, 3, 8))
    model = creator.convert(Exact(BODIES[name], last).eval())
    graph = creator.trace(model, (2, 3))  # which compares the two
    x = np.arange(6).reshape(1, 2, 3) - 3
    with torch.no_grad():
        y = model(torch.from_numpy(graph.input_format.from_integers(x)).float()).numpy()
    assert np.array_equal(graph.output_format.to_integers(y), graph.run(x))


def test_a_wide_exact_result_makes_a_polynomial():
    model = Exact(lambda m, x, y: x * x + 0.0625 * x * y, nn.Sigmoid(output=F(6, 6, signed=False)))
    graph = creator.trace(creator.convert(model.eval()), (2, 3))
    assert any(node.op.name == "polynomial" for node in graph.nodes)


def test_microscaling_stays_where_everything_is_a_power_of_two():
    model = Exact(lambda m, x, y: m.blocks(x), nn.Conv1d(2, 2, 1, weight=F(4, 3)))
    converted = creator.convert(model.eval())
    x = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(converted(x), model(x))
    assert "microscale" in {node.op.name for node in creator.trace(converted, (2, 3)).nodes}


def test_where_shapes_decide_tracing_says_what_to_do():
    last = nn.Conv1d(2, 2, 1, weight=SCALED, output=Affine(0.05, 3, 8))
    model = creator.convert(Exact(lambda m, x, y: x.mean(-1, keepdim=True), last).eval())
    with pytest.raises(CreatorError, match=r"last: .* does not know that its input is fixed<7,4>.* put nn.Quantize"):
        creator.trace(model, (2, 4))

"""Sums, differences and products in a floating-point model: their results are quantized, behind the ReLU that may follow."""

import operator

import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, nn
from tests.preparation.models import seeded


class Joined(torch.nn.Module):
    """Two convolutions of one image, joined by ``join``, and ``after`` that."""

    def __init__(self, join, after=None):
        super().__init__()
        torch.manual_seed(4)
        self.join, self.after = join, after or torch.nn.Identity()
        self.first = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3, padding=1), torch.nn.BatchNorm2d(3), torch.nn.ReLU())
        self.second = torch.nn.Conv2d(3, 3, 1)
        self.last = torch.nn.Conv2d(3, 2, 1)

    def forward(self, x):
        x = self.first(x)
        return self.last(self.after(self.join(x, self.second(x))))


def images(size=32):
    return torch.randn(size, 2, 5, 4, generator=seeded(5))


def joined(prepared):
    return [path for path, module in prepared.named_modules() if isinstance(module, (nn.Add, nn.Multiply))]


JOINS = {"add": operator.add, "torch_sub": torch.sub, "mul": operator.mul, "method": lambda x, y: x.add(y)}


@pytest.mark.parametrize("name", JOINS)
@pytest.mark.parametrize("relu", [False, True])
def test_a_result_is_quantized_and_translates(name, relu):
    prepared = creator.prepare(Joined(JOINS[name], torch.nn.ReLU() if relu else None), images())
    creator.calibrate(prepared, [images()])
    (path,) = joined(prepared)
    assert prepared.get_submodule(path).quantize.output_format.signed == (not relu)
    converted = creator.convert(prepared).eval()
    graph = creator.trace(converted, (2, 5, 4))
    codes = graph.run(graph.input_format.to_integers(images().numpy()))
    with torch.no_grad():
        expected = converted(images()).numpy()
    assert codes.size == expected.size > 0
    assert (graph.output_format.from_integers(codes) == expected).all()
    assert creator.translate(graph).interval > 0


def test_training_moves_what_comes_before_a_sum():
    prepared = creator.prepare(Joined(operator.add, torch.nn.ReLU()), images()).train()
    prepared(images()).square().sum().backward()
    assert all(float(p.grad.abs().sum()) > 0 for name, p in prepared.named_parameters() if name.startswith("second"))


def test_a_quantizer_of_ones_own_stays():
    own = nn.Quantize(FixedPoint(7, 3))
    prepared = creator.prepare(Joined(operator.add, own), images())
    assert not joined(prepared)


def test_a_value_that_is_read_by_two_others_is_quantized_once():
    class Twice(Joined):
        def forward(self, x):
            x = self.first(x)
            total = x + self.second(x)
            return torch.relu(total) * total

    prepared = creator.prepare(Twice(None), images())
    assert joined(prepared) == ["add", "mul"]


class Numbers(torch.nn.Module):
    """Values and numbers: a swish of straight lines among them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.first, self.last = torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)

    def forward(self, x):
        x = self.first(x) / 2
        gate = torch.sigmoid(x)
        return self.last((1 - gate) * x + 0.25 - -x) * 4


def test_numbers_of_few_bits_stay_and_are_exact() -> None:
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    model = Numbers().eval()
    prepared = creator.prepare(model, x)
    creator.calibrate(prepared, [x])
    fixed = creator.convert(prepared).eval()
    assert (fixed(x) - model(x)).abs().mean() < 0.1
    graph = creator.trace(fixed, 3)
    assert [node.op.name for node in graph.nodes].count("shift") == 2
    y = graph.output_format.from_integers(graph.run(graph.input_format.to_integers(x)))
    assert torch.equal(fixed(x).double(), torch.from_numpy(y))


@pytest.mark.parametrize("body", [lambda x: x * 0.1, lambda x: x / 3, lambda x: 2 / x, lambda x: x + float("inf")])
def test_numbers_of_many_bits_are_refused(body) -> None:
    class Model(torch.nn.Module):
        def forward(self, x):
            return body(x)

    with pytest.raises(CreatorError, match=r"^prepare: cannot be prepared"):
        creator.prepare(torch.nn.Sequential(torch.nn.Linear(2, 2), Model()), torch.ones(1, 2))

"""What networks end with, traced: modules and torch's functions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, Graph, nn
from creator.affine import Affine
from creator.graph.vectors import check_vectors

IN = FixedPoint(3, 1)
Sequential = torch.nn.Sequential


class Ending(torch.nn.Module):
    """A quantized input and a function of it."""

    def __init__(self, end: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.quantize = nn.Quantize(IN)
        self.end = end

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.end(self.quantize(x))


def same(model: torch.nn.Module, shape: tuple[int, ...]) -> Graph:
    """The model's graph, once both have been compared on corners and random codes."""
    graph = creator.trace(model, shape)
    x = check_vectors(graph, 300)
    with torch.no_grad():
        y = model.eval()(torch.from_numpy(graph.input_format.from_integers(x)).float()).double().numpy()
    values = graph.output_format.from_integers(graph.run(x))
    assert np.array_equal(values.reshape(y.shape), y)
    return graph


def names(graph: Graph) -> list[str]:
    return [node.op.name for node in graph.nodes]


@pytest.mark.parametrize(
    ("end", "shape", "expected"),
    [
        (lambda x: torch.argmax(x, -1), (5,), ["argmax"]),
        (lambda x: torch.argmax(x, 1), (5,), ["argmax"]),
        (lambda x: torch.argmax(x, dim=1, keepdim=True), (5,), ["argmax"]),
        (lambda x: x.argmax(dim=-1), (5,), ["argmax"]),
        (lambda x: x.argmax(2), (3, 5), ["argmax"]),
        (lambda x: x.argmax(-1, True), (3, 5), ["argmax", "reshape"]),
        (lambda x: x.argmax(1), (3, 5), ["permute", "argmax"]),
        (lambda x: x.argmax(-2, keepdim=True), (2, 3, 4), ["permute", "argmax", "reshape"]),
        (lambda x: x.argmax(1), (2, 3, 4), ["permute", "argmax"]),
        (lambda x: x.transpose(1, 2).argmax(1), (3, 5), ["argmax"]),
        (lambda x: x.permute(0, 2, 3, 1).argmax(-1).flatten(1), (3, 2, 4), ["permute", "argmax", "reshape"]),
        (nn.Top1(1), (3, 5), ["permute", "top1", "permute"]),
        (nn.Top1(2), (3, 4, 2), ["permute", "top1", "permute"]),
        (lambda x: x.argmax(-1).unsqueeze(1), (5,), ["argmax"]),
    ],
)
def test_argmax_in_a_forward(end, shape: tuple[int, ...], expected: list[str]) -> None:
    assert names(same(Ending(end), shape)) == expected


def test_modules() -> None:
    assert names(same(Sequential(nn.Quantize(IN), nn.ArgMax()), (5,))) == ["argmax"]
    assert names(same(Sequential(nn.Quantize(IN), nn.ArgMax(2, keepdim=True)), (3, 5))) == ["argmax", "reshape"]
    graph = same(Sequential(nn.Quantize(IN), nn.Linear(4, 5), nn.Top1(1)), (4,))
    assert names(graph) == ["linear", "top1"]
    assert graph.output_shape == (2,)
    assert graph.output_format == FixedPoint(8, 4)


def test_softmax_has_a_table_as_far_as_it_is_not_zero() -> None:
    graph = same(Sequential(nn.Quantize(FixedPoint(8, 4)), nn.Softmax()), (10,))
    (node,) = graph.nodes
    table = node.op.table.tolist()
    assert table[0] == 2**14
    assert table[-1] == 1
    assert len(table) == 167  # exp(-166 / 16) * 2**14 is over 1/2
    assert graph.output_format == FixedPoint(8, 8, signed=False)
    assert names(same(Sequential(nn.Quantize(IN), nn.Softmax(1)), (3, 4))) == ["permute", "softmax", "permute"]


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        (FixedPoint(16, 12), "a table of exponentials for fixed<16,12> has more than 4096 entries"),
        (Affine(0.1, 3, 8), "a softmax of affine<"),
    ],
)
def test_a_softmax_without_a_table_is_refused(entry, what: str) -> None:
    with pytest.raises(CreatorError, match=f"^1: {what}"):
        creator.trace(Sequential(nn.Quantize(entry), nn.Softmax()), (4,))


@pytest.mark.parametrize(
    ("end", "where", "what"),
    [
        (lambda x: torch.argmax(x), "argmax", "dim=None is not an axis of a sample, in values of shape (batch, 3, 5)"),
        (lambda x: x.argmax(0), "argmax", "dim=0 is not an axis of a sample"),
        (Sequential(nn.ArgMax(), nn.ArgMax(1), nn.ArgMax(-1)), "Ending", "does not reproduce"),
    ],
)
def test_what_is_no_axis_of_a_sample_is_refused(end, where: str, what: str) -> None:
    with pytest.raises(CreatorError) as caught:
        creator.trace(Ending(end), (3, 5))
    assert str(caught.value).startswith(f"{where}: ")
    assert what in str(caught.value)


@pytest.mark.parametrize("threshold", [-9.0, -2.0, -1.999, 0.0, 0.3, 1.5, 2.0])
@pytest.mark.parametrize("value", [-2.0, 0.0, 0.5, 1.5])
@pytest.mark.parametrize("function", [False, True])
def test_torchs_threshold(threshold: float, value: float, function: bool) -> None:
    end = torch.nn.Threshold(threshold, value)
    if function:
        end = lambda x: torch.nn.functional.threshold(x, threshold, value)  # noqa: E731
    assert set(names(same(Ending(end), (5,)))) <= {"clamp", "lookup"}


def test_thresholds() -> None:
    assert names(same(Sequential(nn.Quantize(IN), nn.Greater(0.3)), (5,))) == ["threshold"]
    graph = same(Sequential(nn.Quantize(IN), nn.MultiThreshold([0.3, -9.0, 9.0])), (5,))
    assert graph.nodes[0].op.thresholds.tolist() == [[1, -4, 4]]
    graph = same(Sequential(nn.Quantize(IN), nn.Greater([0.5, -9.0, 9.0, 1.4, 1.5])), (5,))
    assert graph.nodes[0].op.thresholds.ravel().tolist() == [2, -4, 4, 3, 4]
    assert names(same(Sequential(nn.Quantize(IN), nn.Greater([0.0, 1.0])), (2, 3))) == ["permute", "threshold", "permute"]


@pytest.mark.parametrize(
    ("entry", "layer", "what"),
    [
        (IN, torch.nn.Threshold(0.0, 0.3), "its value 0.3 is not a value of fixed<3,1>"),
        (IN, torch.nn.Threshold(0.0, 7.0), "its value 7.0 is not a value of fixed<3,1>"),
        (IN, torch.nn.Threshold(float("nan"), 0.0), "threshold and value must be numbers"),
        (FixedPoint(16, 4), torch.nn.Threshold(3.0, 0.0), "a table of 16 input bits is too large"),
    ],
)
def test_thresholds_that_are_refused(entry, layer, what: str) -> None:
    with pytest.raises(CreatorError, match=r"^1: ") as caught:
        creator.trace(Sequential(nn.Quantize(entry), layer), (4,))
    assert what in str(caught.value)

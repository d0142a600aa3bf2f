"""Layers that compare with thresholds."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from creator import CreatorError, nn
from tests.nn.helpers import seeded


@pytest.mark.parametrize("training", [True, False])
def test_greater(training: bool) -> None:
    x = torch.tensor([[-1.0, 0.0, 0.5, 1.0, 1.5]])
    assert nn.Greater(0.5).train(training)(x).tolist() == [[0, 0, 0, 1, 1]]
    assert nn.Greater(0.5)(x).dtype == torch.float32
    assert nn.Greater([-2.0, 0.0, 0.0, 1.0, 1.0])(x).tolist() == [[1, 0, 1, 0, 1]]


def test_several_thresholds() -> None:
    x = torch.tensor([-1.0, 0.0, 0.5, 1.0, 1.5])
    assert nn.MultiThreshold([1.0, 0.0, 1.0])(x).tolist() == [0, 1, 1, 3, 3]


def test_channels_are_axis_1() -> None:
    x = torch.randint(-4, 5, (6, 3, 2, 2), generator=seeded(1)).float()
    levels = [[0.0, 1.0], [-2.0, 2.0], [4.0, 5.0]]
    y = nn.MultiThreshold(levels)(x)
    for channel, row in enumerate(levels):
        assert torch.equal(y[:, channel], sum((x[:, channel] >= t).float() for t in row))
    assert nn.MultiThreshold(levels)(x[:, :, 0, 0]).tolist() == y[:, :, 0, 0].tolist()


def test_there_is_no_gradient_and_the_thresholds_are_a_buffer() -> None:
    layer = nn.MultiThreshold([0.1, 0.2])
    assert not layer(torch.ones(3, requires_grad=True)).requires_grad
    assert list(layer.state_dict()) == ["thresholds"]
    assert not list(layer.parameters())
    assert repr(copy.deepcopy(layer)) == "MultiThreshold(2 levels)"
    assert repr(nn.Greater([1.0, 2.0])) == "Greater(1 level, 2 channels)"


@pytest.mark.parametrize(
    ("kind", "thresholds"),
    [(nn.MultiThreshold, []), (nn.MultiThreshold, [[[1.0]]]), (nn.MultiThreshold, 1.0), (nn.MultiThreshold, [math.nan]),
     (nn.Greater, [[1.0]]), (nn.Greater, "high"), (nn.Greater, None), (nn.MultiThreshold, [[1.0], [1.0, 2.0]])],
)  # fmt: skip
def test_what_are_no_thresholds(kind: type, thresholds: object) -> None:
    with pytest.raises(CreatorError, match=rf"^{kind.__name__}: thresholds"):
        kind(thresholds)


def test_values_that_do_not_fit_are_refused() -> None:
    with pytest.raises(CreatorError, match=r"^Greater: a value is NaN"):
        nn.Greater(0.0)(torch.tensor([math.nan]))
    with pytest.raises(CreatorError, match=r"^Greater: it has thresholds for 2 channels, and its input the shape .1, 3."):
        nn.Greater([0.0, 1.0])(torch.zeros(1, 3))

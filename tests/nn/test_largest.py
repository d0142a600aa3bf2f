"""The layers that say which element is the largest."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from creator import CreatorError, nn
from tests.nn.helpers import seeded


def ties(*shape: int) -> torch.Tensor:
    return torch.randint(-2, 2, shape, generator=seeded(len(shape))).float()


@pytest.mark.parametrize("dim", [-1, 1, 2, -2])
@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_argmax_is_torchs_on_this_machine_and_the_first_by_definition(dim: int, keepdim: bool, training: bool) -> None:
    x = ties(500, 6, 5)
    y = nn.ArgMax(dim, keepdim).train(training)(x)
    assert y.dtype == x.dtype
    assert torch.equal(y, torch.argmax(x, dim, keepdim).to(x.dtype))
    moved = x.movedim(dim, -1)
    first = [row.index(max(row)) for row in moved.reshape(-1, moved.shape[-1]).tolist()]
    assert y.reshape(-1).tolist() == first


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 16, 17, 63, 64, 65, 257, 1000, 4099])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torchs_argmax_gives_the_first_on_this_machine(size: int, dtype: torch.dtype) -> None:
    """Of any size, vectorised or not: creator traces torch.argmax as the first of equal elements."""
    for x in (torch.zeros(3, size, dtype=dtype), ties(64, size).to(dtype), ties(64, 5, size).to(dtype)):
        assert torch.equal(torch.argmax(x, -1), nn.ArgMax()(x).long())
        assert torch.equal(x.argmax(1), nn.ArgMax(1)(x).long())


def test_top1_is_score_and_index() -> None:
    x = ties(300, 4, 5)
    score, index = torch.max(x, -1)
    y = nn.Top1()(x)
    assert y.shape == (300, 4, 2)
    assert torch.equal(y[..., 0], score)
    assert torch.equal(y[..., 1], index.float())
    assert torch.equal(nn.Top1(1)(x)[:, 1], torch.max(x, 1)[1].float())


def test_the_score_has_a_gradient_and_the_index_none() -> None:
    x = torch.tensor([[1.0, 3.0, 3.0], [0.0, -1.0, -2.0]], requires_grad=True)
    nn.Top1()(x).sum().backward()
    assert x.grad.tolist() == [[0, 1, 0], [1, 0, 0]]
    assert not nn.ArgMax()(x).requires_grad


@pytest.mark.parametrize("layer", [nn.ArgMax(), nn.Top1()])
def test_what_is_refused(layer: torch.nn.Module) -> None:
    with pytest.raises(CreatorError, match="a value is NaN"):
        layer(torch.tensor([[1.0, math.nan]]))
    with pytest.raises(CreatorError, match="float16"):
        layer(torch.zeros(1, 2, dtype=torch.float16))


@pytest.mark.parametrize("dim", [0, None, 1.0, "last", True])
def test_a_dim_that_is_no_axis_of_a_sample(dim: object) -> None:
    with pytest.raises(CreatorError, match=r"ArgMax: dim=.* is not an axis of a sample"):
        nn.ArgMax(dim)
    with pytest.raises(CreatorError, match=r"Top1: dim=.* is not an axis of a sample"):
        nn.Top1(dim)


def test_they_copy_and_show_themselves() -> None:
    assert repr(copy.deepcopy(nn.ArgMax(1, keepdim=True))) == "ArgMax(dim=1, keepdim=True)"
    assert repr(nn.Top1()) == "Top1(dim=-1)"
    assert not nn.ArgMax().state_dict()

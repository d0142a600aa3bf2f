import dataclasses
import warnings

import pytest
import torch

from creator import CreatorError
from creator.quantize.granularity import (
    Granularity,
    PerAxis,
    PerBlock,
    PerGroup,
    PerRow,
    PerTensor,
    PerToken,
    blocks_shape,
    extremes,
    get_block_size,
    spread,
)

SIZES = [
    (PerTensor(), (4, 6), (4, 6)),
    (PerTensor(), (), ()),
    (PerAxis(0), (4, 6), (1, 6)),
    (PerAxis(1), (4, 6, 8), (4, 1, 8)),
    (PerAxis(-1), (4, 6, 8), (4, 6, 1)),
    (PerAxis(0), (5,), (1,)),
    (PerAxis(0), (1, 5), (1, 5)),
    (PerRow(), (4, 6, 8), (1, 1, 8)),
    (PerRow(0), (4, 6, 8), (4, 1, 1)),
    (PerRow(dim=-2), (4, 6, 8), (1, 6, 1)),
    (PerToken(), (2, 3, 4), (1, 1, 4)),
    (PerGroup(4), (3, 8), (1, 4)),
    (PerGroup(8), (2, 3, 8), (1, 1, 8)),
    (PerGroup(1), (3, 8), (1, 1)),
    (PerBlock((2, 4)), (4, 8), (2, 4)),
    (PerBlock((2, 4)), (3, 4, 8), (1, 2, 4)),
    (PerBlock([3, 2, 4]), (3, 4, 8), (3, 2, 4)),
]
each = pytest.mark.parametrize(("granularity", "shape", "size"), SIZES, ids=str)


@each
def test_block_sizes_are_those_of_torchao(granularity, shape, size):
    assert get_block_size(shape, granularity) == size
    assert get_block_size(torch.Size(shape), granularity) == size


@each
def test_torch_agrees_where_it_knows_the_granularity(granularity, shape, size):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.ao.quantization import observer as ao
    kind = getattr(ao, type(granularity).__name__)
    if isinstance(granularity, (PerRow, PerBlock)) or (isinstance(granularity, PerGroup) and len(shape) != 2):
        return  # torch 2.13 has them without an argument, not at all, or for two axes only
    theirs = kind(**dataclasses.asdict(granularity))
    assert ao.get_block_size(shape, theirs) == size


@each
def test_extremes_and_their_way_back(granularity, shape, size):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    low, high = extremes(x, size)
    counts = blocks_shape(shape, size)
    assert low.shape == high.shape == torch.Size(counts)
    spread_low, spread_high = (spread(part.flatten(), shape, size).expand(shape) for part in (low, high))
    for index in torch.ones(counts).nonzero().tolist():
        block = tuple(slice(i * n, (i + 1) * n) for i, n in zip(index, size, strict=True))
        assert low[tuple(index)] == x[block].min()
        assert high[tuple(index)] == x[block].max()
        assert bool((spread_low[block] == x[block].min()).all())
        assert bool((spread_high[block] == x[block].max()).all())


def test_layout_does_not_matter():
    x = torch.randn(4, 8, 6).transpose(0, 2)
    for granularity in (PerTensor(), PerAxis(1), PerGroup(2), PerBlock((2, 4, 2))):
        size = get_block_size(x.shape, granularity)
        assert all(torch.equal(a, b) for a, b in zip(extremes(x, size), extremes(x.contiguous(), size), strict=True))


@pytest.mark.parametrize("granularity", [PerTensor(), PerAxis(0), PerRow(), PerGroup(2), PerBlock((2, 2))])
def test_nan_is_not_lost(granularity):
    x = torch.zeros(4, 4)
    x[1, 2] = float("nan")
    low, high = extremes(x, get_block_size(x.shape, granularity))
    assert bool(low.isnan().any())
    assert bool(high.isnan().any())


def test_whole_and_single_blocks_need_no_copies():
    parts = torch.arange(4.0)
    assert spread(parts, (3, 4, 5), (3, 1, 5)).data_ptr() == parts.data_ptr()


def test_values_without_entries_keep_their_scales():
    assert spread(torch.ones(4), (0, 4), get_block_size((0, 4), PerAxis(1))).shape == (1, 4)
    assert spread(torch.ones(()), (0, 4), get_block_size((0, 4), PerTensor())).shape == (1, 1)


@pytest.mark.parametrize(
    ("granularity", "shape", "message"),
    [
        (PerAxis(2), (4, 6), r"PerAxis\(axis=2\): the values have 2 axes"),
        (PerAxis(-3), (4, 6), "the values have 2 axes"),
        (PerAxis(True), (4, 6), "none is number True"),
        (PerAxis(0), (), "0 axes"),
        (PerRow(5), (4, 6), "none is number 5"),
        (PerToken(), (), "0 axes"),
        (PerGroup(4), (4, 6), r"do not divide the shape \(4, 6\).*or pad"),
        (PerGroup(0), (4, 6), "not a positive integer"),
        (PerGroup(2.0), (4, 6), "not a positive integer"),
        (PerGroup(2), (), "do not divide"),
        (PerBlock((2, 4)), (4, 6), "do not divide"),
        (PerBlock((3, 6)), (4, 6), "do not divide"),
        (PerBlock((2, 2, 2)), (4, 6), "do not divide"),
        (PerBlock((1, 2, 2, 2)), (4, 6), "do not divide"),
        (PerBlock((-2, 2)), (4, 6), "not a positive integer"),
        (Granularity(), (4, 6), "is not a granularity"),
        (PerTensor, (4, 6), "is not a granularity"),
    ],
)
def test_what_does_not_fit_is_refused(granularity, shape, message):
    with pytest.raises(CreatorError, match=message):
        get_block_size(shape, granularity)


def test_scales_of_another_shape_are_refused():
    with pytest.raises(CreatorError, match=r"there are 5 scales for 4 blocks"):
        spread(torch.ones(5), (4, 6), (1, 6))


def test_granularities_are_values():
    assert PerBlock([2, 4]) == PerBlock((2, 4))
    assert len({PerAxis(0), PerAxis(0), PerAxis(1), PerTensor(), PerToken(), PerRow(-1), PerRow()}) == 5
    with pytest.raises(dataclasses.FrozenInstanceError):
        PerAxis(0).axis = 1

"""How many values share a scale: one for a tensor, one for each channel, row, token, group or block.

A granularity means a *block size*, one length for each axis of a tensor (torchao's ``get_block_size``); the values of a block
share a scale and a zero point. Everything else here works on block sizes. What belongs to blocks has the *blocks' shape*: as
many axes as the tensor, with one entry for each block along it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from creator.errors import CreatorError


@dataclass(frozen=True)
class Granularity:
    """The base of the granularities."""


@dataclass(frozen=True)
class PerTensor(Granularity):
    """One scale for all values."""


@dataclass(frozen=True)
class PerAxis(Granularity):
    """One scale for each index along ``axis``: a channel. Negative axes count from the last."""

    axis: int


@dataclass(frozen=True)
class PerRow(Granularity):
    """One scale for each row along ``dim``, the last axis unless given: all other indices have scales of their own."""

    dim: int = -1


@dataclass(frozen=True)
class PerToken(Granularity):
    """One scale for each token, which is a row along the last axis."""


@dataclass(frozen=True)
class PerGroup(Granularity):
    """One scale for each ``group_size`` neighbours along the last axis."""

    group_size: int


@dataclass(frozen=True)
class PerBlock(Granularity):
    """One scale for each block of ``block_size`` along the last axes, and each index along those before."""

    block_size: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "block_size", tuple(self.block_size))


def get_block_size(input_shape: Sequence[int], granularity: Granularity) -> tuple[int, ...]:
    """The lengths of a block, one for each axis of ``input_shape``.

    Raises:
        CreatorError: for an axis that the shape has not, and lengths that do not divide it.
    """
    shape, rank = tuple(input_shape), len(input_shape)
    ones = (1,) * rank
    match granularity:
        case PerTensor():
            return shape
        case PerAxis(axis=axis):
            axis = _axis(axis, rank, granularity)
            return (*shape[:axis], 1, *shape[axis + 1 :])
        case PerRow() | PerToken():
            axis = _axis(granularity.dim if isinstance(granularity, PerRow) else -1, rank, granularity)
            return (*ones[:axis], shape[axis], *ones[axis + 1 :])
        case PerGroup() | PerBlock():
            sizes = (granularity.group_size,) if isinstance(granularity, PerGroup) else granularity.block_size
            return _dividing((*ones[: rank - len(sizes)], *sizes), shape, granularity)
    raise CreatorError(f"{granularity!r} is not a granularity", hint="pass PerTensor(), PerAxis(0), PerGroup(32) ...")


def _axis(axis: object, rank: int, granularity: Granularity) -> int:
    if isinstance(axis, bool) or not isinstance(axis, int) or not -rank <= axis < rank:
        raise CreatorError(f"the values have {rank} axes, and none is number {axis!r}", str(granularity))
    return axis % rank


def _dividing(sizes: tuple[int, ...], shape: tuple[int, ...], granularity: Granularity) -> tuple[int, ...]:
    if not all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in sizes):
        raise CreatorError("a size is not a positive integer", str(granularity))
    if len(sizes) != len(shape) or any(length % size for length, size in zip(shape, sizes, strict=True)):
        raise CreatorError(f"its sizes do not divide the shape {shape}", str(granularity), "choose sizes that do, or pad")
    return sizes


def blocks_shape(input_shape: Sequence[int], block_size: Sequence[int]) -> tuple[int, ...]:
    """The number of blocks along each axis; one along an axis without entries."""
    return tuple(length // max(size, 1) or 1 for length, size in zip(input_shape, block_size, strict=True))


def extremes(x: torch.Tensor, block_size: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """The smallest and the largest value of each block, in the blocks' shape. ``x`` has entries."""
    shape = blocks_shape(x.shape, block_size)
    if torch.Size(shape).numel() == 1:
        low, high = torch.aminmax(x)
        return low.reshape(shape), high.reshape(shape)
    # torch.aminmax along an axis takes several times as long as amin and amax (torch 2.13, CPU).
    split = x.reshape([length for pair in zip(shape, block_size, strict=True) for length in pair])
    inner = range(1, split.dim(), 2)
    return split.amin(tuple(inner)), split.amax(tuple(inner))


def spread(parts: torch.Tensor, input_shape: Sequence[int], block_size: Sequence[int]) -> torch.Tensor:
    """``parts``, one for each block, so that it broadcasts against values of ``input_shape``.

    Args:
        parts: as many entries as there are blocks, in their order; any shape.
        input_shape: the values' shape.
        block_size: as :func:`get_block_size` gives it.

    Raises:
        CreatorError: if there are not as many.
    """
    shape = blocks_shape(input_shape, block_size)
    if parts.numel() != torch.Size(shape).numel():
        raise CreatorError(
            f"there are {parts.numel()} scales for {torch.Size(shape).numel()} blocks",
            f"values of shape {tuple(input_shape)}",
            "the values must have the shape that was observed",
        )
    parts = parts.reshape(shape)
    for axis, (size, length) in enumerate(zip(block_size, input_shape, strict=True)):
        if 1 < size < length:
            parts = parts.repeat_interleave(size, dim=axis)
    return parts

"""Ends of a classifier: which element is the largest, and how large."""

from __future__ import annotations

import torch

from creator.errors import CreatorError
from creator.formats import FixedPoint
from creator.nn.exact import eval_dtype


class ArgMax(torch.nn.Module):
    """The index of the largest element along an axis, as ``torch.argmax`` counts it; of equal elements the first.

    The result has the input's floating-point type and holds whole numbers. It has no gradient: train without the layer.

    Args:
        dim: the axis.
        keepdim: whether the axis stays, with one element.
    """

    def __init__(self, dim: int = -1, keepdim: bool = False) -> None:
        super().__init__()
        self.dim = checked_axis(dim, self)
        self.keepdim = bool(keepdim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return first_largest(x, self.dim, self.keepdim)[1].to(_dtype(x))

    def extra_repr(self) -> str:
        return f"dim={self.dim}, keepdim={self.keepdim}"


class Top1(torch.nn.Module):
    """The largest element along an axis and its index, in this order, as ``torch.max`` gives them; of equal elements the first.

    The axis then has these two elements. In hardware both have one format, with the fractional bits of the input (none, if
    those are negative), in which the index is a whole number. The score has a gradient, the index none.

    Args:
        dim: the axis.
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = checked_axis(dim, self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        score, index = first_largest(x, self.dim, keepdim=True)
        dtype = _dtype(x)
        return torch.cat([score.to(dtype), index.to(dtype)], dim=self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


def checked_axis(dim: object, layer: torch.nn.Module) -> int:
    """``dim`` if it is an axis of a sample; else a refusal."""
    if not isinstance(dim, int) or isinstance(dim, bool) or dim == 0:
        raise CreatorError(f"dim={dim!r} is not an axis of a sample", type(layer).__name__, "dim=-1 is the last one")
    return dim


def first_largest(x: torch.Tensor, dim: int, keepdim: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """The largest elements along an axis, and where the first of each is; ``torch.argmax`` does not promise the first."""
    if bool(torch.isnan(x).any()):
        raise CreatorError("a value is NaN, which is neither larger nor smaller", hint="look for the layer that makes it")
    largest = x.amax(dim, keepdim=True)
    size = x.shape[dim]
    shape = [1] * x.ndim
    shape[dim] = size
    places = torch.arange(size, device=x.device).reshape(shape)
    index = torch.where(x == largest, places, size).amin(dim, keepdim=keepdim)
    score = x.gather(dim, index if keepdim else index.unsqueeze(dim))
    return score if keepdim else score.squeeze(dim), index


def _dtype(x: torch.Tensor) -> torch.dtype:
    return eval_dtype(x.dtype, FixedPoint(24, 0))

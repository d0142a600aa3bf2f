"""Thresholds: binary decisions, and how many of several are reached."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from creator.errors import CreatorError
from creator.formats import FixedPoint
from creator.nn.exact import eval_dtype


class MultiThreshold(torch.nn.Module):
    """How many thresholds are reached: the number of ``t`` with ``x >= t``, a whole number; any shape.

    Args:
        thresholds: numbers, in any order: ``levels`` of them for all elements, or of shape (channels, levels) for each index
            along the channel axis, which is axis 1.

    There is no gradient. The thresholds are a buffer, in float64.
    """

    strict: ClassVar[bool] = False
    """Whether x has to exceed a threshold."""

    thresholds: torch.Tensor

    def __init__(self, thresholds: Any) -> None:
        super().__init__()
        try:
            found = torch.as_tensor(thresholds, dtype=torch.float64).detach().clone()
        except (TypeError, ValueError, RuntimeError) as error:
            raise CreatorError(f"thresholds={thresholds!r:.60} are not numbers: {error}", type(self).__name__) from None
        found = self._shaped(found)
        if found.ndim != 2 or not found.numel() or bool(found.isnan().any()):
            raise CreatorError(
                f"thresholds of shape {tuple(found.shape)} are none, or one is NaN",
                type(self).__name__,
                "give numbers, or a row of them for each channel",
            )
        self.register_buffer("thresholds", found)

    @staticmethod
    def _shaped(thresholds: torch.Tensor) -> torch.Tensor:
        return thresholds[None] if thresholds.ndim == 1 else thresholds

    @property
    def channels(self) -> int:
        """Channels with thresholds of their own; 1 if all have the same."""
        return len(self.thresholds)

    @property
    def output_format(self) -> FixedPoint:
        """That of their number."""
        return FixedPoint(self.thresholds.shape[1].bit_length(), 0, signed=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        dtype = eval_dtype(x.dtype, FixedPoint(24, 0))
        values = x.detach().double()
        if bool(values.isnan().any()):
            raise CreatorError("a value is NaN, which reaches nothing", type(self).__name__, "look for the layer that makes it")
        thresholds = self.thresholds.double().t()
        if self.channels > 1:
            if x.ndim < 2 or x.shape[1] != self.channels:
                raise CreatorError(
                    f"it has thresholds for {self.channels} channels, and its input the shape {tuple(x.shape)}",
                    type(self).__name__,
                    "the channels are axis 1",
                )
            thresholds = thresholds.reshape(-1, 1, self.channels, *[1] * (x.ndim - 2))
        else:
            thresholds = thresholds.reshape(-1, *[1] * x.ndim)
        reached = values > thresholds if self.strict else values >= thresholds
        return reached.sum(0).to(dtype)

    def extra_repr(self) -> str:
        levels = self.thresholds.shape[1]
        return f"{levels} level{'s' if levels > 1 else ''}{f', {self.channels} channels' if self.channels > 1 else ''}"


class Greater(MultiThreshold):
    """``x > threshold`` as 0 or 1, any shape; in hardware one bit.

    Args:
        threshold: a number, or one for each index along the channel axis, which is axis 1.

    There is no gradient.
    """

    strict = True

    def __init__(self, threshold: Any) -> None:
        super().__init__(threshold)

    @staticmethod
    def _shaped(thresholds: torch.Tensor) -> torch.Tensor:
        return thresholds.reshape(1, 1) if thresholds.ndim == 0 else thresholds[:, None]

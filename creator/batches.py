"""Batches of data as loaders give them."""

from __future__ import annotations

from typing import Any

import torch

from creator.errors import CreatorError


def first_tensor(batch: Any) -> torch.Tensor:
    """The model's input in a batch as loaders give it."""
    while isinstance(batch, (tuple, list, dict)) and batch:
        batch = next(iter(batch.values())) if isinstance(batch, dict) else batch[0]
    if not isinstance(batch, torch.Tensor):
        raise CreatorError(
            f"a batch is {type(batch).__name__}, not a tensor", hint="pass tensors, or tuples that begin with one"
        )
    return batch

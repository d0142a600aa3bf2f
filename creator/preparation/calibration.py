"""Formats from data, before or without training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from creator.batches import first_tensor
from creator.errors import CreatorError
from creator.nn.batch_norm import BatchNorm1d, BatchNorm2d
from creator.nn.joins import Concatenate, Joined
from creator.nn.lookup import Lookup
from creator.nn.pool import Averaging
from creator.nn.quantize import Quantize
from creator.nn.slope import PReLU
from creator.nn.softmax import Softmax
from creator.nn.weighted import Weighted
from creator.quantize.quantizer import Quantizer
from creator.tracing.fx import modes_kept, reason

_EXACT_IN_EVAL = (Weighted, Quantize, Lookup, PReLU, Joined, Concatenate, Averaging, Softmax)
"""Layers whose eval mode is integer arithmetic, which values that are not quantized may not fit."""


def calibrate(model: torch.nn.Module, loader: Iterable[Any], batches: int | None = None) -> torch.nn.Module:
    """Shows every quantizer of ``model`` the floating-point values that it will have to hold; returns the model.

    Normalisations use their running statistics and dropout is off, as in evaluation; no parameter changes except those of
    the quantizers. Modes are left as they were.

    Args:
        model: from :func:`creator.prepare`, or with quantizers in its layers.
        loader: batches: tensors, or tuples, lists or dicts whose first entry is the model's input.
        batches: how many to use; ``None`` for all.

    Raises:
        CreatorError: for no batches, for NaN or infinities, naming the input or the module where they appear.
    """
    if not isinstance(model, torch.nn.Module):
        raise CreatorError(f"expected a torch.nn.Module, got {type(model).__name__}", "calibrate")
    if isinstance(loader, torch.Tensor) or not isinstance(loader, Iterable):
        raise CreatorError(f"the loader is a {type(loader).__name__}", "calibrate", "pass batches, for example [x]")
    if not any(isinstance(module, (Quantizer, Weighted, Quantize)) for module in model.modules()):
        raise CreatorError("the model has no quantizers to calibrate", "calibrate", "pass what creator.prepare returned")
    count = 0
    with _calibrating(model), torch.no_grad():
        for batch in loader:
            if batches is not None and count >= batches:
                break
            x = first_tensor(batch)
            if not bool(torch.isfinite(x).all()):
                raise CreatorError(f"batch {count} contains NaN or infinities", "calibrate", "clean the data")
            if not x.numel():
                raise CreatorError(f"batch {count} is empty", "calibrate")
            try:
                model(x)
            except (RuntimeError, TypeError, IndexError) as error:
                what = f"the model fails on batch {count}, {x.dtype} of shape {tuple(x.shape)}: {reason(error)}"
                raise CreatorError(what, "calibrate", "give batches whose first entry is the model's input") from None
            count += 1
    if not count:
        raise CreatorError("there is no batch to calibrate with", "calibrate", "pass an iterable of input batches")
    return model


@contextmanager
def _calibrating(model: torch.nn.Module) -> Iterator[None]:
    """Layers in the arithmetic of training, everything else as in evaluation; quantizers observe."""
    quantizers = [(path, module) for path, module in model.named_modules() if isinstance(module, Quantizer)]
    frozen: list[tuple[BatchNorm1d | BatchNorm2d, bool]] = []
    with modes_kept(model):
        for module in model.eval().modules():
            if isinstance(module, (*_EXACT_IN_EVAL, Quantizer)):
                module.training = True
            if isinstance(module, (BatchNorm1d, BatchNorm2d)):
                frozen.append((module, module.frozen_stats))
                module.freeze_stats()
        for path, quantizer in quantizers:
            quantizer.calibrating, quantizer.where = True, path
        try:
            yield
        finally:
            for _, quantizer in quantizers:
                del quantizer.calibrating  # that of the class shows again
            for norm, before in frozen:
                norm.freeze_stats(before)

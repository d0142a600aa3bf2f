"""``creator.convert``: what was observed or learned becomes fixed."""

from __future__ import annotations

import copy
from typing import Any

import torch

from creator import nn
from creator.affine import Affine, Format
from creator.errors import CreatorError
from creator.formats import FixedPoint
from creator.nn.joins import Concatenate, Joined
from creator.nn.pool import Averaging
from creator.nn.weighted import Weighted
from creator.piecewise import TABLE_BITS
from creator.preparation.following import calls, folds, reads
from creator.quantize.float_quantizer import OwnRounding


def convert(model: torch.nn.Module, inplace: bool = False) -> torch.nn.Module:
    """``model`` with every quantizer replaced by the format that it stands for: the model that :func:`creator.trace` takes.

    Scales that are powers of two become fixed-point formats, others multipliers and shifts between integer codes. Where all
    are powers of two, evaluation gives the same numbers before and after; arbitrary scales are evaluated in floating point
    before, and in integers after.

    Args:
        model: trained or calibrated, with quantizers in its layers.
        inplace: changes ``model`` itself instead of a copy.

    Raises:
        CreatorError: naming the module whose range depends on the data, was never observed, or has no hardware.
    """
    if not isinstance(model, torch.nn.Module):
        raise CreatorError(f"expected a torch.nn.Module, got {type(model).__name__}", "convert")
    fixed = {
        path: _formats(path, module)
        for path, module in model.named_modules()
        if isinstance(module, (Weighted, Averaging, nn.Quantize)) and not folds(module)
    }
    if not inplace:
        model = copy.deepcopy(model)
    inputs: dict[str, Format] = {}
    if any(isinstance(fmt, Affine) for formats in fixed.values() for fmt in formats.values()):
        inputs = _input_formats(model, fixed)
    for path, module in model.named_modules():
        if path in fixed:
            try:
                _fix(module, fixed[path])
            except CreatorError as error:
                raise error.at(path or type(module).__name__) from None
            module.input_format = inputs.get(path)
            if path in inputs:
                _check(module, path)
    _tell_functions(model, fixed)
    _tell_joins(model, fixed)
    _fit_limits(model, fixed)
    return model


def _formats(path: str, module: Any) -> dict[str, Format]:
    """The formats of the weights and the output of a layer, as they are now; without the latter where blocks are rounded."""
    try:
        blocks = isinstance(module, nn.Quantize) and module.treats_blocks
        formats: dict[str, Format] = {} if blocks else {"output": module.output_format}
        if isinstance(module, Weighted):
            weight = module.exact_weight(module.rows())
            formats["weight"] = module.weight_format_of(weight)
        return formats
    except CreatorError as error:
        raise error.at(path or type(module).__name__) from None


def _fix(module: Any, formats: dict[str, Format]) -> None:
    """Gives a layer its formats; and its bias the one that eval mode used, which training did not round to."""
    if isinstance(module, Weighted) and not module._norm and module._bias_format is None:
        bias = module.biases() if module.output_quantizer is not None else None
        module._bias_format = None if bias is None else module.bias_format_of(bias)
    kept = {"weight": getattr(module, "weight_quantizer", None), "output": module.output_quantizer}
    module.set_formats(**{slot: fmt for slot, fmt in formats.items() if not isinstance(kept[slot], OwnRounding)})


def _check(layer: Weighted | Averaging | nn.Quantize, path: str) -> None:
    """Refuses formats that integer arithmetic cannot bring together."""
    try:
        layer.check_formats()
    except CreatorError as error:
        raise error.at(path) from None


def _input_formats(model: torch.nn.Module, fixed: dict[str, dict[str, Format]]) -> dict[str, Format]:
    """The format that each layer which computes with that of its input reads, by its path."""
    inputs: dict[str, Format | None] = {}
    for path, module, source in reads(model, fixed):
        if isinstance(module, (Weighted, Averaging, nn.Quantize)):
            if source is None and not inputs and not isinstance(module, nn.Quantize):
                raise CreatorError("its input has no number format", path, "begin the network with nn.Quantize")
            if inputs.setdefault(path, source) != source:
                raise CreatorError("it is called with inputs of two formats", path, "use one layer for each")
    return {path: source for path, source in inputs.items() if source is not None}


def _tell_functions(model: torch.nn.Module, fixed: dict[str, dict[str, Format]]) -> None:
    """Gives functions of wide inputs the format of their input, with which they are polynomials."""
    lookups = [module for module in model.modules() if isinstance(module, nn.Lookup) and module.input_format is None]
    if not lookups:
        return
    read: dict[torch.nn.Module, set[Format | None]] = {}
    for _, module, source in reads(model, fixed):
        read.setdefault(module, set()).add(source)
    for module in lookups:
        source = next(iter(read[module])) if len(read.get(module, ())) == 1 else None
        if isinstance(source, FixedPoint) and source.total_bits > TABLE_BITS:
            module.input_format = source


def _tell_joins(model: torch.nn.Module, fixed: dict[str, dict[str, Format]]) -> None:
    """Gives what joins values the formats of its operands, with which it computes between arbitrary scales."""
    if not any(isinstance(module, (Joined, Concatenate)) for module in model.modules()):
        return
    told: dict[torch.nn.Module, tuple[Format, ...]] = {}
    for path, module, sources in calls(model, fixed):
        if isinstance(module, (Joined, Concatenate)):
            known = tuple(source for source in sources if source is not None)
            if len(known) < max(len(sources), 1 if isinstance(module, Concatenate) else 2):
                continue
            if told.setdefault(module, known) != known:
                raise CreatorError("it is called with inputs of two formats", path, "use one layer for each")
            module.input_formats = known  # type: ignore[assignment]
            try:
                module.check_formats()
            except CreatorError as error:
                raise error.at(path) from None


def _fit_limits(model: torch.nn.Module, fixed: dict[str, dict[str, Format]]) -> None:
    """Bounds of clamps become those of the nearest codes where values have an arbitrary scale, which may not hold a 6."""
    told: dict[torch.nn.Module, tuple[float, ...]] = {}
    for path, module, source in reads(model, fixed):
        if isinstance(module, torch.nn.Hardtanh) and isinstance(source, Affine):
            given = (float(module.min_val), float(module.max_val))
            nearest = source.from_integers(source.to_integers(given))
            inside = [source.min_value < bound < source.max_value for bound in given]
            bounds = tuple(float(n) if i else g for n, g, i in zip(nearest, given, inside, strict=True))
            if told.setdefault(module, bounds) != bounds:
                raise CreatorError("it is called with inputs of two formats", path, "use one layer for each")
    for module, bounds in told.items():
        module.min_val, module.max_val = bounds  # type: ignore[assignment]

"""Pooling: maxima choose among codes; averages keep the scale of a quantized tensor, as torch's kernels do."""

from __future__ import annotations

from typing import Any

import torch
import torch.fx

from creator import nn
from creator.affine import Format
from creator.errors import CreatorError
from creator.importing.reader import Handler, Pending, Reader, Value
from creator.nn.pool import Averaging

WINDOW = ("kernel_size", "stride", "padding")

_MAXIMA: dict[int, Any] = {1: nn.MaxPool1d, 2: nn.MaxPool2d}
_AVERAGES: dict[int, Any] = {1: nn.AvgPool1d, 2: nn.AvgPool2d}
_ADAPTIVE: dict[int, Any] = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d}


def maxima(axes: int) -> Handler:
    """Maximum pooling, which may change places with a rounding."""

    def handler(
        r: Reader, input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Value | Pending:  # fmt: skip
        if return_indices:
            raise CreatorError("return_indices=True is not supported", hint="use the values only")
        where = r.where

        def pooled(node: torch.fx.Node, fmt: Format) -> torch.fx.Node:
            sizes = [plain(size) for size in (kernel_size, stride, padding, dilation)]
            return r.place(_MAXIMA[axes](*sizes, ceil_mode=bool(ceil_mode)).eval(), node, where=where)

        if isinstance(input, Pending):
            return input.followed(pooled)
        node, fmt = r.formatted(input)
        return Value(pooled(node, fmt), fmt, input.floating)

    return handler


def averages(axes: int) -> Handler:
    """Averages of windows."""

    def handler(
        r: Reader, input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> Value | Pending:  # fmt: skip
        sizes = [plain(size) for size in (kernel_size, stride, padding)]
        more = {} if divisor_override is None else {"divisor_override": int(divisor_override)}
        return _averaged(r, input, _AVERAGES[axes], *sizes, bool(ceil_mode), bool(count_include_pad), **more)

    return handler


def adaptive_averages(axes: int) -> Handler:
    """Averages of equal parts."""

    def handler(r: Reader, input: Any, output_size: Any) -> Value | Pending:
        return _averaged(r, input, _ADAPTIVE[axes], plain(output_size))

    return handler


def mean(r: Reader, input: Any, dim: Any, keepdim: bool = False) -> Any:
    """The mean over all positions of an image."""
    axes = tuple(dim) if isinstance(dim, (tuple, list)) else (dim,)
    if {axis % 4 for axis in axes if isinstance(axis, int)} != {2, 3} or len(axes) != 2:
        raise CreatorError(f"a mean over the axes {dim} is not supported", hint="use AdaptiveAvgPool2d(1)")

    def flat(node: torch.fx.Node, fmt: Format) -> torch.fx.Node:
        return r.graph.call_method("flatten", (node, 1))

    result = _averaged(r, input, nn.AdaptiveAvgPool2d, 1)
    if keepdim:
        return result
    return result.followed(flat) if isinstance(result, Pending) else Value(flat(result.node, input.format), input.format)


def plain(size: Any) -> Any:
    """torch's sizes as Python's: tuples, ``None`` for an empty list, which is how operators of aten say it."""
    if isinstance(size, (tuple, list)):
        return tuple(size) or None
    return size


def _averaged(r: Reader, x: Any, kind: Any, *sizes: Any, **more: Any) -> Value | Pending:
    node, fmt = r.formatted(x)

    def make(output: Format) -> torch.nn.Module:
        layer: Averaging = kind(*sizes, **more, output=output, multiplier_bits=r.multiplier_bits)
        layer.input_format = fmt
        layer.check_formats()
        return layer.eval()

    return r.pending(make, node) if x.floating else Value(r.place(make(fmt), node), fmt)

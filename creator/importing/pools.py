"""Pooling, padding and upsampling: maxima choose among codes; averages keep the scale of a quantized tensor, as torch's do."""

from __future__ import annotations

from collections.abc import Callable
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
        sizes = [plain(size) for size in (kernel_size, stride, padding, dilation)]
        return _moved(r, input, lambda: _MAXIMA[axes](*sizes, ceil_mode=bool(ceil_mode)))

    return handler


def zeros(r: Reader, input: Any, pad: Any, mode: str = "constant", value: Any = None) -> Value | Pending:
    """Zeros around an image, which every format has."""
    if mode != "constant" or value:
        raise CreatorError("padding with anything but zeros is not supported", hint="use ZeroPad2d, or value=0")
    kind = nn.ZeroPad1d if len(pad) == 2 else nn.ZeroPad2d
    return _moved(r, input, lambda: kind(tuple(pad)))


def constants(r: Reader, input: Any, pad: Any, value: Any = 0) -> Value | Pending:
    """The same, as modules and operators of aten say it."""
    return zeros(r, input, pad, "constant", value)


def upsampled(
    r: Reader, input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: Any = None,
    recompute_scale_factor: Any = None, antialias: bool = False,
) -> Value | Pending:  # fmt: skip
    """Every pixel several times; tracing refuses other modes, which alone antialias."""
    given = plain(size), plain(scale_factor), mode, align_corners, recompute_scale_factor
    return _moved(r, input, lambda: nn.Upsample(*given))


def _moved(r: Reader, input: Any, make: Callable[[], torch.nn.Module]) -> Value | Pending:
    """A layer that moves codes and adds zeros at most, and so may change places with a rounding."""
    where = r.where

    def placed(node: torch.fx.Node, fmt: Format) -> torch.fx.Node:
        return r.place(make().eval(), node, where=where)

    if isinstance(input, Pending):
        return input.followed(placed)
    node, fmt = r.formatted(input)
    return Value(placed(node, fmt), fmt, input.floating)


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

"""Sums, products and concatenations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch.fx

from creator import nn
from creator.affine import Format
from creator.errors import CreatorError
from creator.importing import activations
from creator.importing.formats import activation, same_range
from creator.importing.reader import Handler, Pending, Reader, Size, Value
from creator.importing.shapes import arithmetic
from creator.nn.joins import Joined


def quantized(kind: type[Joined], rectified: bool = False) -> Handler:
    """``torch.ops.quantized.add`` and the like, which are given the scale of their result."""

    def handler(r: Reader, a: Any, b: Any, scale: Any, zero_point: Any) -> Any:
        output = activation(scale, zero_point, *same_range(r.formatted(a)[1]))
        value = _joined(r, kind, a, b).emit(output)
        result = Value(value, output)
        return activations.clamp(r, result, 0.0) if rectified else result

    return handler


def in_floating_point(kind: type[Joined], sizes: Any) -> Handler:
    """``+`` and ``*``, of values between a dequantization and a quantization, or of sizes."""
    of_sizes = arithmetic(sizes)

    def handler(r: Reader, input: Any, other: Any, alpha: int = 1) -> Any:
        if isinstance(input, (Size, int)) and isinstance(other, (Size, int)):
            return of_sizes(r, input, other)
        if alpha != 1:
            raise CreatorError("alpha other than 1 is not supported", hint="multiply before the sum")
        if not all(isinstance(x, (Value, Pending)) for x in (input, other)):
            raise CreatorError("arithmetic with a number is not supported here", hint="use quantized layers")
        result = _joined(r, kind, input, other)
        if not (input.floating and other.floating):
            raise CreatorError("torch has no such operation on quantized tensors", hint="use FloatFunctional")
        return result

    return handler


def _joined(r: Reader, kind: type[Joined], a: Any, b: Any) -> Pending:
    (left, left_format), (right, right_format) = r.formatted(a), r.formatted(b)

    def make(output: Format) -> Joined:
        layer = kind(output, multiplier_bits=r.multiplier_bits)
        layer.input_formats = (left_format, right_format)
        layer.check_formats()
        return layer.eval()

    return r.pending(make, left, right)


def concatenated(r: Reader, tensors: Sequence[Any], dim: int = 0) -> Value | Pending:
    """A concatenation, which changes places with a rounding: of values of one format, each is brought to it first."""
    emit = _concatenation(r, tensors, dim)
    if any(isinstance(x, Pending) or x.floating for x in tensors):
        return Pending(emit, r.where)
    _, fmt = r.formatted(tensors[0])
    return Value(emit(fmt), fmt)


def _concatenation(r: Reader, tensors: Sequence[Any], dim: int) -> Callable[[Format], torch.fx.Node]:
    where = r.where
    if not tensors or not all(isinstance(x, (Value, Pending)) for x in tensors) or not isinstance(dim, int):
        raise CreatorError("concatenates what are not values of the network")

    def emit(output: Format) -> torch.fx.Node:
        nodes = [r.quantize(x, output, f"{where}_{i}").node for i, x in enumerate(tensors)]
        return r.place(nn.Concatenate(dim), *nodes, where=where)

    return emit


def quantized_concatenation(r: Reader, qx: Sequence[Any], dim: int, scale: Any, zero_point: Any) -> Value:
    """``torch.ops.quantized.cat``."""
    formats = [r.formatted(x)[1] for x in qx]
    output = activation(scale, zero_point, *same_range(formats[0]))
    return Value(_concatenation(r, qx, dim)(output), output)

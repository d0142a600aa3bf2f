"""Operations that move elements, and arithmetic on sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.fx

from creator.affine import Format
from creator.errors import CreatorError
from creator.importing.reader import Handler, Pending, Reader, Size, Value


def reshaping(method: str) -> Handler:
    """An operation that at most moves elements, and keeps their format."""

    def handler(r: Reader, input: Any, *args: Any, **kwargs: Any) -> Any:
        def moved(node: torch.fx.Node, fmt: Format | None = None) -> torch.fx.Node:
            return r.graph.call_method(method, (node, *_written(args)), _written(kwargs))

        if isinstance(input, Pending):
            return input.followed(moved)
        if not isinstance(input, Value):
            raise CreatorError("reads what is not a value of the network")
        return Value(moved(input.node), input.format, input.floating)

    return handler


def _written(args: Any) -> Any:
    """Arguments for the written graph: with nodes in the places of sizes."""
    if isinstance(args, (tuple, list)):
        return tuple(_written(arg) for arg in args)
    if isinstance(args, dict):
        return {name: _written(arg) for name, arg in args.items()}
    if isinstance(args, Size):
        return args.node
    if args is None or isinstance(args, (bool, int, float, str, slice)):
        return args
    raise CreatorError("these arguments are not supported", hint="pass sizes as numbers")


def size(r: Reader, input: Any, dim: Any = None) -> Size:
    """The shape of a value, or one number of it."""
    if not isinstance(input, Value):
        raise CreatorError("asks for the shape of what is not a value of the network")
    return Size(r.graph.call_method("size", (input.node,) if dim is None else (input.node, dim)))


def attribute(r: Reader, input: Any, name: str) -> Size:
    """``x.shape``."""
    if name != "shape":
        raise CreatorError(f"reads {name!r} of a tensor", hint="only its shape is supported")
    return size(r, input)


def arithmetic(function: Callable[..., Any]) -> Handler:
    """Python arithmetic on sizes."""

    def handler(r: Reader, *args: Any) -> Size:
        if not all(isinstance(arg, (Size, int, slice)) for arg in args):
            raise CreatorError("arithmetic on values is not supported here", hint="use quantized layers")
        return Size(r.graph.call_function(function, _written(args)))

    return handler


def dropout(r: Reader, input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Nothing, outside training."""
    if training:
        raise CreatorError("drops elements: it is in training mode", hint="put the model into eval mode before converting")
    return input


def same(r: Reader, input: Any, *args: Any, **kwargs: Any) -> Any:
    """An operation that changes nothing."""
    return input

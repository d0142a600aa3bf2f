"""Appends what modules and functions become to a graph, in the order of elements that each of them reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from creator.errors import CreatorError
from creator.formats import IntArray
from creator.graph import Builder
from creator.nn import BatchNorm1d, BatchNorm2d
from creator.nn.weighted import Weighted
from creator.ops import Op, Reshape
from creator.tracing.layout import Value, channels_first, channels_last, flat, natural, rows
from creator.tracing.requantized import Context
from creator.tracing.rows import along
from creator.tracing.weighted import CONVOLUTIONS, along_rows, scaled_ops

_T = TypeVar("_T")


@dataclass(frozen=True)
class Raw:
    """The network's input before ``nn.Quantize`` has given it a format."""

    shape: tuple[int, ...]
    paths: tuple[str, ...] = ()


class Appending:
    """Appends to ``builder``, which is there once the network's input has a format."""

    builder: Builder | None = None

    def _at(self, where: str, make: Callable[[Builder], _T]) -> _T:
        """What ``make`` appends; its refusals name ``where``."""
        assert self.builder is not None
        try:
            return make(self.builder)
        except CreatorError as error:
            raise error.at(where) from None

    def _with_channels(self, value: Value | Raw, paths: tuple[str, ...]) -> Value:
        """``value`` with a node whose last axis has the channels."""
        value = self._formatted(value, paths)
        assert self.builder is not None
        return (channels_last if len(value.shape) > 1 else natural)(self.builder, value, paths)

    def _formatted(self, value: Value | Raw, paths: tuple[str, ...]) -> Value:
        """``value``, which must have a format."""
        if isinstance(value, Raw):
            hint = "begin the network with nn.Quantize(FixedPoint(8, 4))"
            raise CreatorError("its input has no number format", paths[0], hint)
        return value

    def _add(self, handler: Callable[..., Any], module: torch.nn.Module, value: Value | Raw, paths: tuple[str, ...]) -> Value:
        """Appends what ``handler`` makes of ``module``, something elementwise, reading ``value``."""
        value = self._formatted(value, paths)

        def make(context: Context) -> Sequence[Op]:
            made = handler(module, context)
            return [made] if isinstance(made, Op) else made

        return value.renamed(self._append(make, value.name, paths))

    def _along(
        self, make: Callable[[Context], Any], value: Value | Raw, dim: object, where: str, keepdim: bool = False
    ) -> Value:
        """Appends what treats the rows of a value along an axis."""
        value = self._formatted(value, (where,))
        assert self.builder is not None
        try:
            return along(self.builder, value, dim, make, (where,), keepdim)
        except CreatorError as error:
            raise error.at(where) from None

    def _append(
        self,
        make: Callable[[Context], Sequence[Op]],
        source: str,
        paths: tuple[str, ...],
        columns: IntArray | None = None,
    ) -> str:
        """Appends operations, one after the other, the first reading ``source``."""
        assert self.builder is not None
        try:
            made = make(Context(self.builder.type_of(source), columns))
        except CreatorError as error:
            raise error.at(paths[0]) from None
        for op in made:
            source = self.builder.add(op, source, paths)
        return source

    def _weighted(
        self, module: Weighted, make: Callable[[Context], Sequence[Op]], value: Value | Raw, paths: tuple[str, ...]
    ) -> Value:
        """Appends a layer with weights: over windows of a value whose channels are last, or over all of a flat one."""
        value = self._formatted(value, paths)
        assert self.builder is not None
        if not isinstance(module, CONVOLUTIONS):
            if len(value.shape) > 1 and value.shape[-1] == module.weight.shape[1]:
                name = self._append(lambda context: along_rows(make(context)), rows(self.builder, value, paths), paths)
                return Value(name, (*value.shape[:-1], len(module.weight)), axes=(0, 1))
            name, columns = (value.name, None) if len(value.shape) > 1 else flat(self.builder, value, paths)
            name = self._append(make, name, paths, columns)
            return Value(name, self.builder.type_of(name).shape)
        if len(value.shape) == len(module.kernel_size) + 1:
            value = channels_last(self.builder, value, paths)
        name = self._append(make, value.name, paths)
        order = channels_first(len(value.shape))
        stored = self.builder.type_of(name).shape
        return Value(name, tuple(stored[axis] for axis in order), order)

    def _normalised(self, module: BatchNorm1d | BatchNorm2d, value: Value | Raw, paths: tuple[str, ...]) -> Value:
        """Appends a normalisation on its own, which has a weight for each channel."""
        value = self._formatted(value, paths)
        assert self.builder is not None
        if len(value.shape) > 1:
            value = channels_last(self.builder, value, paths)
            return value.renamed(self._append(lambda context: scaled_ops(module, context), value.name, paths))
        stored = self.builder.type_of(value.name).shape
        name, columns = flat(self.builder, value, paths)
        name = self.builder.add(Reshape((1, *value.shape)), name, paths)
        name = self._append(lambda context: scaled_ops(module, context), name, paths, columns)
        return value.renamed(self.builder.add(Reshape(stored), name, paths))

    def _spatial(
        self,
        make: Callable[[Context], Any],
        value: Value | Raw,
        axes: int | None,
        paths: tuple[str, ...],
    ) -> Value:
        """Appends something that reads pixels of channels, along so many spatial axes, or along one or two."""
        value = self._formatted(value, paths)
        if len(value.shape) - 1 not in ((1, 2) if axes is None else (axes,)):
            what = f"takes values of shape (channels, ...) with {axes or '1 or 2'} more axes, but gets {value.shape}"
            raise CreatorError(what, paths[0], "input_shape is without the batch, and the channels come first")
        assert self.builder is not None
        value = channels_last(self.builder, value, paths)
        name = self._append(make, value.name, paths)
        order, stored = channels_first(len(value.shape)), self.builder.type_of(name).shape
        return Value(name, tuple(stored[axis] for axis in order), order)

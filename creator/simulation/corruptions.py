"""Small faults in a graph: what a network with one of them gives is what a faulty translation would give."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from creator.errors import CreatorError
from creator.formats import IntArray, Overflow, Rounding
from creator.graph import Graph
from creator.ops import Linear, Lookup, Op, Rescale, Slope

Faults = Callable[[Op], Iterator[dict[str, Any]]]
"""The fields of an operation that are to be replaced, for one fault after another."""

ENOUGH = 200
"""Candidates that are tried before a fault is held to have no effect on a network."""


def _elements(array: IntArray, changes: Callable[[int], list[int]]) -> Iterator[IntArray]:
    """Copies of ``array`` with one element changed; elements all over it, the changes of each one after the other."""
    step = max(1, array.size // ENOUGH) | 1
    for index in range(0, array.size, step):
        for new in changes(int(array.flat[index])):
            copy = array.copy()
            copy.flat[index] = new
            yield copy


def weight_bit(op: Op) -> Iterator[dict[str, Any]]:
    """One bit of one weight inverted."""
    if isinstance(op, Linear):
        bits = op.weight_format.total_bits
        for weight in _elements(op.weight, lambda code: [code ^ 1, code ^ 1 << bits // 2]):
            yield {"weight": weight}


def bias_bit(op: Op) -> Iterator[dict[str, Any]]:
    """One bit of one bias inverted: one step of the output, or a larger one."""
    if isinstance(op, Linear):
        step = max(0, op.accumulator.frac_bits - op.output.frac_bits)
        for bias in _elements(op.bias, lambda code: [code ^ 1 << step, code ^ 1 << step + 1]):
            yield {"bias": bias}


def rounding_mode(op: Op) -> Iterator[dict[str, Any]]:
    """Another rounding mode."""
    if hasattr(op, "rounding"):
        for mode in Rounding:
            if mode not in (op.rounding, Rounding.STOCHASTIC):
                yield {"rounding": mode}


def overflow_mode(op: Op) -> Iterator[dict[str, Any]]:
    """The other overflow mode."""
    if hasattr(op, "overflow"):
        for mode in Overflow:
            if mode is not op.overflow:
                yield {"overflow": mode}


def limit(op: Op) -> Iterator[dict[str, Any]]:
    """A lower or an upper limit that is off by one."""
    if hasattr(op, "low") and hasattr(op, "high") and op.low < op.high:
        yield {"high": op.high - 1}
        yield {"low": op.low + 1}


def output_order(op: Op) -> Iterator[dict[str, Any]]:
    """Two neighbouring outputs of a layer exchanged."""
    if isinstance(op, Linear):
        for row in range(len(op.weight) - 1):
            order = _exchanged(len(op.weight), row)
            yield {"weight": op.weight[order], "bias": op.bias[order]}


def input_order(op: Op) -> Iterator[dict[str, Any]]:
    """Two neighbouring inputs of a layer exchanged."""
    if isinstance(op, Linear):
        for column in range(op.weight.shape[1] - 1):
            yield {"weight": op.weight[:, _exchanged(op.weight.shape[1], column)]}


def table_entry(op: Op) -> Iterator[dict[str, Any]]:
    """One entry of a table that is off by one."""
    if isinstance(op, Lookup):
        for table in _elements(op.table, lambda code: [code ^ 1]):
            yield {"table": table}


def factor_bit(op: Op) -> Iterator[dict[str, Any]]:
    """One bit of one factor of a change of scale, or of one slope, inverted."""
    if isinstance(op, Slope):
        bits = range(op.slope_bits - 1)
        for slopes in _elements(op.slopes, lambda code: [code ^ 1 << bit for bit in bits]):
            yield {"slopes": slopes}
    elif isinstance(op, Rescale):
        bits = range(int(op.factors.max()).bit_length())
        for factors in _elements(op.factors, lambda code: [code ^ 1 << bit for bit in bits]):
            yield {"factors": factors}


def _exchanged(size: int, place: int) -> list[int]:
    return [*range(place), place + 1, place, *range(place + 2, size)]


FAULTS: dict[str, Faults] = {
    "one bit of a weight": weight_bit,
    "one bit of a bias": bias_bit,
    "the rounding mode of a layer": rounding_mode,
    "the overflow mode of a layer": overflow_mode,
    "a limit of a layer, by one": limit,
    "the order of two outputs of a layer": output_order,
    "the order of two inputs of a layer": input_order,
    "one entry of a table, by one": table_entry,
    "one bit of a factor": factor_bit,
}


def corrupted(graph: Graph, faults: Faults, x: IntArray) -> Graph | None:
    """``graph`` with the first of some faults that changes an output for ``x``; ``None`` if none does."""
    right = graph.run(x)
    return next(
        (found for found in islice(_candidates(graph, faults), ENOUGH) if not np.array_equal(found.run(x), right)), None
    )


def _candidates(graph: Graph, faults: Faults) -> Iterator[Graph]:
    """The sound graphs with one fault; a fault that cannot be, such as a code outside its format, is left out."""
    for index, node in enumerate(graph.nodes):
        for fields in faults(node.op):
            try:
                faulty = dataclasses.replace(node, op=dataclasses.replace(node.op, **fields))  # type: ignore[type-var]
                yield dataclasses.replace(graph, nodes=(*graph.nodes[:index], faulty, *graph.nodes[index + 1 :])).verify()
            except CreatorError:
                continue

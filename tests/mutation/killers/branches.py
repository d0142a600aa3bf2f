"""Forks, queues and joins: sums, products, concatenations and slices, whose branches take different times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from creator.formats import FixedPoint, Overflow, Rounding
from creator.graph import Builder, Graph
from creator.ops import Clamp, Concatenate, MaxPool, Op, Pad, Slice, TensorType
from tests.graph.branches import add, joined, multiply
from tests.graph.chains import IN, chain, linear, quantize
from tests.mutation.killers.killer import Killer

F = FixedPoint
SMALL = F(4, 2)


def three() -> Graph:
    """A value that three branches read, and one of them again."""
    builder = Builder(TensorType((3,), IN))
    first = builder.add(quantize(F(6, 3)), builder.input, ("first",))
    layer = builder.add(linear(3, 3), builder.input, ("layer",))
    total = builder.add(add(F(8, 3)), (first, layer), ("sum",))
    product = builder.add(multiply(F(8, 3)), (first, builder.input), ("product",))
    last = builder.add(Concatenate(0), (total, product), ("cat",))
    return builder.graph(builder.add(Slice(0, 1, 5), last, ("some",)))


def _sums() -> Iterator[Killer]:
    pairs: list[tuple[tuple[Op, ...], tuple[Op, ...]]] = [
        ((quantize(F(6, 2)),), ()), ((), (quantize(F(5, 7)),)), ((quantize(F(5, 1, signed=False)),), (quantize(F(6, 4)),)),
        ((quantize(F(4, 2)),), (quantize(F(5, 3, signed=False)),)), ((linear(4, 4),), ()), ((), (linear(4, 4), Clamp(-50, 60))),
    ]  # fmt: skip
    lanes: list[dict[str, Any]] = [{}, {"parallelism": "full-lanes"}]
    for number, (first, second) in enumerate(pairs):
        for options in lanes:
            how = "at once" if options else "one by one"
            for sign in (1, -1):
                yield f"sum {sign} of pair {number}, {how}", joined(add(F(7, 2), sign), first, second), options
            yield f"product of pair {number}, {how}", joined(multiply(F(8, 3)), first, second), options
    for rounding in (Rounding.FLOOR, Rounding.HALF_AWAY, Rounding.TOWARD_ZERO):
        for overflow in Overflow:
            pair = (quantize(F(6, 2)),), ()
            yield f"sum, {rounding} {overflow}", joined(add(F(5, 1), 1, rounding, overflow), *pair), {}
            yield f"product, {rounding} {overflow}", joined(multiply(F(6, 2), rounding, overflow), *pair), {}
    wide, wider, widest = F(20, 10), F(22, 10), F(36, 20)
    for first_format, second_format in ((wide, IN), (IN, wide), (wide, wider), (F(19, 5, signed=False), wide),
                                        (widest, F(3, 1)), (F(3, 1), widest)):  # fmt: skip
        pair = (quantize(first_format, Rounding.FLOOR),), (quantize(second_format, Rounding.FLOOR),)
        name = f"product of {first_format} and {second_format}"
        yield name, joined(multiply(F(30, 9)), *pair, shape=(2,), entry=F(40, 22)), {}


def _queues() -> Iterator[Killer]:
    """The short branch waits in a queue: of few words, and of as many as there are."""
    for size in (2, 3, 5, 8):
        yield f"a queue beside a layer of {size}", joined(add(F(7, 2)), (linear(size, size),), (), shape=(size,)), {}
    pool = (Pad((1, 1), (1, 1), (1, 1), 0), MaxPool((3, 3), (1, 1), (0, 0), (0, 0)))
    yield "a queue beside a pool", joined(add(F(7, 2)), pool, (), shape=(3, 3, 2), entry=F(6, 2)), {}
    yield "three readers", three(), {}
    yield "three readers at once", three(), {"parallelism": "full-lanes"}


def _parts() -> Iterator[Killer]:
    """Concatenations and slices, run after run and several runs at once."""
    narrow = (quantize(F(6, 2)),), (quantize(F(6, 2)), Clamp(0, 9))
    for axis, shape in ((0, (1,)), (0, (3,)), (0, (2, 2)), (1, (3, 1)), (1, (2, 3)), (1, (2, 2, 2)), (2, (2, 2, 2))):
        for options in ({}, {"parallelism": "full-lanes"}, {"parallelism": 4}):
            name = f"concatenation of {shape} along {axis}, {options.get('parallelism', 'serial')}"
            yield name, joined(Concatenate(axis), *narrow, shape=shape), options
    slices = [(0, 0, 2, (3,)), (0, 1, 3, (3,)), (0, 1, 2, (4,)), (1, 0, 1, (2, 3)), (1, 1, 3, (2, 3)), (1, 2, 4, (3, 4)),
              (0, 1, 2, (3, 2)), (1, 1, 2, (2, 3, 2)), (2, 1, 2, (2, 2, 2)), (1, 2, 4, (2, 6)),
              (0, 0, 2, (2,))]  # fmt: skip
    for axis, start, stop, shape in slices:
        ops = quantize(F(6, 2)), Slice(axis, start, stop)
        for options in ({}, {"parallelism": "full-lanes"}, {"parallelism": 4}):
            name = f"{start} to {stop} of {shape} along {axis}, {options.get('parallelism', 'serial')}"
            yield name, chain(*ops, shape=shape), options
    rows = {"lanes": {"layer.0": 3, "layer.1": 3}}
    yield "whole rows", chain(quantize(F(6, 2)), Slice(1, 0, 3), shape=(6, 3)), rows


BRANCHES: list[Killer] = [*_sums(), *_queues(), *_parts()]

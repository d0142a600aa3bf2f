"""Pools, padding and upsampling: along one axis and along two, with results kept in registers and in a memory."""

from __future__ import annotations

from collections.abc import Iterator

from creator.affine import Affine
from creator.formats import FixedPoint
from creator.ops import MaxPool, Op, Pad, SumPool, Upsample
from tests.graph.chains import chain
from tests.mutation.killers.killer import Killer, by

F = FixedPoint
IN = F(3, 1)
Pair = tuple[int, ...]

POOLS: list[tuple[Pair, Pair, Pair, Pair, Pair]] = [
    # shape, kernel, stride, padding before and after
    ((4, 1), (2,), (2,), (0,), (0,)), ((5, 2), (2,), (2,), (0,), (0,)), ((5, 2), (2,), (2,), (0,), (1,)),
    ((5, 2), (3,), (1,), (0,), (0,)), ((5, 2), (3,), (2,), (1,), (1,)), ((4, 5), (3,), (1,), (1,), (1,)),
    ((4, 4), (3,), (1,), (2,), (2,)), ((5, 4), (3,), (2,), (1,), (1,)), ((4, 3), (1,), (2,), (0,), (0,)),
    ((4, 2), (1,), (1,), (0,), (0,)), ((6, 1), (2,), (3,), (0,), (0,)), ((5, 1), (4,), (3,), (3,), (2,)),
    ((1, 2), (3,), (1,), (1,), (1,)), ((4, 8), (3,), (1,), (1,), (1,)), ((5, 12), (5,), (1,), (2,), (2,)),
    ((3, 2), (3,), (1,), (0,), (0,)), ((3, 5), (3,), (1,), (0,), (0,)), ((2, 1), (4,), (1,), (3,), (3,)),
    ((4, 4, 1), (2, 2), (2, 2), (0, 0), (0, 0)), ((3, 3, 2), (2, 2), (1, 1), (0, 0), (0, 0)),
    ((3, 4, 1), (3, 3), (1, 1), (1, 1), (1, 1)), ((3, 3, 2), (3, 3), (2, 2), (1, 1), (1, 1)),
    ((4, 3, 2), (2, 1), (2, 1), (0, 0), (0, 0)), ((3, 4, 2), (1, 2), (1, 2), (0, 0), (0, 0)),
    ((2, 3, 2), (2, 3), (2, 3), (0, 0), (0, 0)), ((4, 3, 1), (3, 3), (1, 1), (1, 0), (1, 0)),
    ((5, 5, 1), (2, 2), (3, 3), (0, 0), (0, 0)),
]  # fmt: skip

PADS: list[tuple[Pair, Pair, Pair, Pair]] = [
    # shape, pixels before, behind, steps
    ((3, 1), (2,), (0,), (1,)), ((3, 1), (0,), (2,), (1,)), ((3, 2), (1,), (1,), (1,)), ((1, 1), (1,), (1,), (1,)),
    ((3, 1), (0,), (0,), (2,)), ((3, 2), (1,), (0,), (2,)), ((3, 2), (0,), (1,), (3,)), ((3, 1), (2,), (1,), (2,)),
    ((1, 2), (0,), (1,), (2,)), ((1, 1), (0,), (0,), (2,)), ((1, 2), (0,), (0,), (3,)),
    ((2, 2, 1), (1, 1), (1, 1), (1, 1)), ((2, 2, 2), (1, 0), (0, 2), (1, 1)),
    ((2, 3, 2), (1, 0), (0, 1), (2, 2)), ((2, 2, 1), (0, 1), (1, 0), (1, 3)), ((2, 2, 2), (0, 0), (0, 0), (3, 1)),
]  # fmt: skip

UPS: list[tuple[Pair, Pair]] = [
    ((3, 1), (2,)), ((3, 1), (3,)), ((3, 2), (2,)), ((2, 3), (3,)), ((1, 1), (4,)), ((1, 5), (2,)), ((2, 2, 1), (2, 2)),
    ((2, 3, 2), (3, 1)), ((2, 2, 2), (1, 3)), ((1, 2, 2), (2, 3)),
]  # fmt: skip


def _each(name: str, op: Op, shape: Pair) -> Iterator[Killer]:
    for lanes in sorted({1, 2 - shape[-1] % 2, shape[-1]}):
        yield f"{name} by {lanes}", chain(op, shape=shape, entry=IN), by(lanes)


def _pools() -> Iterator[Killer]:
    for shape, kernel, stride, before, after in POOLS:
        name = f"of {kernel} over {shape}, {stride} apart, {before} and {after} beyond"
        yield from _each(f"maxima {name}", MaxPool(kernel, stride, before, after), shape)
        yield from _each(f"sums {name}", SumPool(kernel, stride, before, after, 0), shape)
    padded = (3,), (1,), (1,), (1,)
    for entry in (F(3, 1, signed=False), F(1, 0), F(3, 1, symmetric=True)):
        for channels in (1, 4):
            yield f"maxima of {channels} {entry}", chain(MaxPool(*padded), shape=(3, channels), entry=entry), {}
            yield f"sums of {channels} {entry}", chain(SumPool(*padded, 0), shape=(3, channels), entry=entry), {}
    for zero_point, signed in ((3, True), (-4, True), (0, False), (5, False), (7, False)):
        entry = Affine(0.1, zero_point, 3, signed=signed)
        for channels, kernel in ((1, 3), (4, 3), (2, 1)):
            op = SumPool((kernel,), (1,), (kernel // 2,), (kernel // 2,), 0)
            name = f"sums of {kernel} of {channels} {entry}"
            for lanes in sorted({1, channels}):
                yield f"{name} by {lanes}", chain(op, shape=(3, channels), entry=entry), by(lanes)
        yield f"maxima of {entry}", chain(MaxPool(*padded), shape=(3, 2), entry=entry), {}


def _others() -> Iterator[Killer]:
    for shape, before, after, steps in PADS:
        name = f"{before} before, {after} behind, {steps} steps of {shape}"
        yield from _each(name, Pad(before, after, steps, -3), shape)
    for shape, times in UPS:
        yield from _each(f"{times} times {shape}", Upsample(times), shape)
    both = Upsample((2, 2)), MaxPool((2, 2), (2, 2), (0, 0), (0, 0)), Pad((1, 1), (0, 1), (1, 2), 1)
    yield "up, down and padded", chain(*both, shape=(2, 2, 2), entry=IN), {}


AXES: list[Killer] = [*_pools(), *_others()]

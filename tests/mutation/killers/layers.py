"""Layers, what stands between them, and cores that work element by element."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from creator.affine import Affine
from creator.formats import FixedPoint, Overflow, Rounding
from creator.ops import Clamp, Linear, Op
from tests.graph.chains import ENTRY, IN, chain, linear, quantize, rescale, table
from tests.mutation.killers.killer import Killer

F = FixedPoint
NARROW = F(4, 2)


def layer(n: int, m: int, bias: bool = True, **options: Any) -> Linear:
    """A small layer, without a bias if asked for."""
    made = linear(n, m, output=F(9, 4), **options)
    return made if bias else replace(made, bias=np.zeros(m, dtype=np.int64))


def _layers() -> Iterator[Killer]:
    """One layer with each kind of multiplier array."""
    shapes = [
        (1, 1, 1, 1), (3, 2, 1, 1), (5, 3, 2, 1), (3, 5, 1, 2), (5, 5, 2, 3), (5, 3, 5, 3), (4, 4, 4, 1), (4, 5, 4, 2),
        (6, 4, 3, 4), (5, 2, 1, 2), (3, 9, 1, 8), (7, 3, 7, 3), (6, 8, 6, 2), (9, 2, 3, 2), (2, 3, 2, 1), (2, 2, 1, 1),
    ]  # fmt: skip
    for n, m, inputs, outputs in shapes:
        for bias in (True, False):
            name = f"{n} to {m} by {inputs}x{outputs}{'' if bias else ' without bias'}"
            yield name, chain(layer(n, m, bias, weight_format=NARROW), shape=(n,)), {"lanes": {"layer.0": (inputs, outputs)}}
    for n, m, inputs, outputs in ((3, 2, 1, 2), (4, 5, 2, 5), (5, 6, 2, 4), (4, 5, 4, 5), (6, 3, 3, 3), (2, 4, 2, 4)):
        for bias in (True, False):
            name = f"packed {n} to {m} by {inputs}x{outputs}{'' if bias else ' without bias'}"
            options = {"lanes": {"layer.0": (inputs, outputs)}, "packing": True}
            yield name, chain(layer(n, m, bias, weight_format=NARROW), shape=(n,)), options
    for weight in (F(1, 0), F(2, 1)):
        for inputs, outputs in ((1, 1), (2, 3), (3, 3), (6, 3)):
            lanes = {"lanes": {"layer.0": (inputs, outputs)}}
            yield f"{weight} by {inputs}x{outputs}", chain(layer(6, 3, weight_format=weight), shape=(6,)), lanes


def _grids() -> Iterator[Killer]:
    """Formats on both sides of a layer, with one lane and with several."""
    unsigned = F(5, 3, signed=False)
    for inputs, outputs in ((1, 1), (2, 2), (3, 3)):
        lanes, by = {"lanes": {"layer.0": (inputs, outputs)}}, f"by {inputs}x{outputs}"
        yield f"unsigned input {by}", chain(layer(3, 3, entry=unsigned), shape=(3,), entry=unsigned), lanes
        yield f"aligned {by}", chain(layer(3, 3, align=2), shape=(3,)), lanes
        yield f"aligned far {by}", chain(layer(3, 3, align=12, weight_format=NARROW), shape=(3,)), lanes
        narrow = replace(layer(3, 3), weight=np.array([[1, 0, 0], [0, -1, 0], [0, 0, 1]]), bias=np.zeros(3, dtype=np.int64))
        yield f"sums narrower than products {by}", chain(narrow, shape=(3,)), lanes
    yield "three banks of weights", chain(layer(31, 400, weight_format=F(8, 0)), shape=(31,)), {"lanes": {"layer.0": (1, 4)}}
    slow = layer(6, 40, weight_format=NARROW), linear(40, 3, entry=F(9, 4))
    yield "a queue that fills", chain(*slow, shape=(6,)), {"lanes": {"layer.0": (6, 2)}}
    yield "bias in block RAM", chain(layer(2, 72), shape=(2,)), {}
    yield "bias in block RAM, two rows", chain(layer(2, 72), shape=(2,)), {"lanes": {"layer.0": (2, 2)}}
    for overflow in Overflow:
        for rounding in (Rounding.HALF_UP, Rounding.HALF_AWAY, Rounding.TOWARD_ZERO):
            op = layer(3, 2, rounding=rounding, overflow=overflow)
            yield f"{rounding} {overflow}", chain(op, Clamp(-100, 90), shape=(3,)), {}


def _regrouped() -> Iterator[Killer]:
    """Adapters between layers: more elements, fewer, with a rest and without."""
    sizes = [
        (6, 2, 3), (6, 3, 2), (5, 2, 3), (7, 3, 2), (8, 4, 2), (8, 2, 4), (5, 1, 3), (5, 5, 2), (5, 3, 1), (7, 1, 7), (7, 7, 1),
        (9, 2, 5), (10, 4, 3), (3, 1, 2), (4, 3, 4), (6, 5, 4),
    ]  # fmt: skip
    for size, first, second in sizes:
        ops = layer(2, size, weight_format=NARROW), linear(size, 2, entry=F(9, 4), weight_format=NARROW)
        lanes = {"layer.0": (1, first), "layer.1": (second, 1)}
        yield f"{size} elements from {first} to {second}", chain(*ops, shape=(2,)), {"lanes": lanes}
        rules: tuple[Op, Op] = quantize(F(6, 3)), quantize(F(5, 2))
        yield (
            f"{size} elements from {first} to {second}, changes of format",
            chain(*rules, shape=(size,)),
            {"lanes": {"layer.0": (first, first), "layer.1": (second, second)}},
        )


def _elementwise() -> Iterator[Killer]:
    """Cores without sums, one lane and three."""
    scales = rescale([3, 5, 6], 4, Affine(0.1, 3, 6))
    for lanes in (1, 2, 3):
        for name, op in {
            "change": quantize(F(5, 2), Rounding.HALF_AWAY),
            "wrap": quantize(F(5, 2), Rounding.FLOOR, Overflow.WRAP),
            "limits": Clamp(-20, 33),
            "table": table(output=ENTRY),
            "factors": scales,
            "a factor": rescale([11], 4, F(6, 1, signed=False), Rounding.TOWARD_ZERO),
            "no multiplier": rescale([4], 4, Affine(0.1, -3, 6)),
            "bits appended": rescale([8], 1, Affine(0.1, -30, 9)),
        }.items():
            yield f"{name} by {lanes}", chain(op, shape=(2, 3)), {"lanes": {"layer.0": (lanes, lanes)}}
    # A frame ends before the factors come round: the counter has to begin anew.
    for rows, lanes in ((3, 2), (2, 4), (5, 2), (1, 2)):
        yield f"factors of {rows} rows by {lanes}", chain(scales, shape=(rows, 3)), {"lanes": {"layer.0": (lanes, lanes)}}
    many = rescale(random.Random(0).sample(range(1, 1 << 15), 1030), 12, F(8, 0))
    yield "deep memory of factors", chain(many, shape=(1030,)), {}
    yield "rows and a register", chain(quantize(F(7, 1)), table(bits=7, output=IN), scales, shape=(2, 3)), {}


LAYERS: list[Killer] = [*_layers(), *_grids(), *_regrouped(), *_elementwise()]

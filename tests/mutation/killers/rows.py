"""Softmax, comparisons and thresholds: rows in one beat and in several, with and without a rest, alone and behind a layer.

Behind a layer a stream shows sums that are not complete while it is not valid: a larger one must not count.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from creator.affine import Affine
from creator.formats import FixedPoint
from creator.ops import ArgMax, Op, Softmax, Threshold, Top1
from tests.graph.chains import chain, linear
from tests.mutation.killers.killer import Killer, by

F = FixedPoint
IN = F(4, 1)
CODES = F(3, 0)
THIRD = F(3, 3, signed=False)
LEVELS = np.random.default_rng(0).integers(-4, 4, (5, 6), endpoint=True)
"""Thresholds of five channels; some are always reached, or never."""


def softmax(entries: tuple[int, ...] = (9, 6, 4, 1), output: FixedPoint = THIRD) -> Softmax:
    """A softmax with a short table."""
    return Softmax(np.array(entries), output)


def behind(op: Op, m: int) -> tuple[Op, Op]:
    """A layer of two inputs and so many outputs, which seldom saturate, and ``op`` behind it."""
    return linear(2, m, weight_format=F(4, 2), entry=CODES, output=F(8, 2)), op


def _softmax() -> Iterator[Killer]:
    for row, lanes in (
        (1, 1),
        (2, 1),
        (3, 1),
        (2, 2),
        (3, 2),
        (4, 2),
        (5, 2),
        (3, 3),
        (5, 3),
        (7, 3),
        (4, 4),
        (7, 4),
        (9, 4),
        (17, 1),
    ):
        yield f"softmax of {row} by {lanes}", chain(softmax(), shape=(row,), entry=IN), by(lanes)
    for rows, row, lanes in ((3, 1, 1), (2, 3, 1), (3, 2, 2), (2, 4, 2)):
        yield f"softmax of {rows} rows of {row} by {lanes}", chain(softmax(), shape=(rows, row), entry=IN), by(lanes)
    for m, lanes in ((3, 1), (4, 2), (5, 2)):
        yield f"softmax behind a layer, {m} by {lanes}", chain(*behind(softmax(), m), shape=(2,), entry=CODES), by(lanes, 1)
    outputs = [
        F(1, 0, signed=False), F(2, 0, signed=False), F(1, 1, signed=False), F(2, 1, signed=False), F(2, 3, signed=False),
        F(3, 2), F(4, 3), F(6, 2),
    ]  # fmt: skip
    for output in outputs:
        yield f"softmax to {output}", chain(softmax(output=output), shape=(2,), entry=F(2, 0)), by(2)
        yield f"softmax to {output}, one lane", chain(softmax((5,), output), shape=(2,), entry=F(2, 0)), by(1)
    for entry in (F(4, 1, signed=False), F(4, 1, symmetric=True), Affine(0.3, 5, 4, signed=False), F(1, 0)):
        for lanes in (1, 2):
            yield f"softmax of {entry} by {lanes}", chain(softmax(), shape=(3,), entry=entry), by(lanes)
    long = tuple(max(0, 90 - 7 * n // 80) for n in range(1100))
    for lanes in (1, 2):
        # Few codes reach the end of such a table, so nearly all entries are the same.
        yield f"softmax with a deep table by {lanes}", chain(softmax(long), shape=(3,), entry=F(12, 8)), by(lanes)


def _largest() -> Iterator[Killer]:
    shapes: list[tuple[tuple[int, ...], int]] = [
        ((1,), 1), ((2,), 1), ((3,), 1), ((2,), 2), ((3,), 2), ((4,), 2), ((5,), 2), ((3,), 3), ((5,), 3), ((7,), 3), ((8,), 4),
        ((7,), 4), ((9,), 4), ((10,), 4), ((7,), 5), ((9,), 5), ((5,), 5), ((13,), 8), ((3, 1), 1), ((3, 1), 2), ((2, 3), 1),
        ((2, 4), 2), ((3, 2), 2), ((3, 2), 4), ((3, 3), 9),
    ]  # fmt: skip
    for kind, make in (("argmax", ArgMax), ("top1", Top1)):
        for shape, lanes in shapes:
            yield f"{kind} of {shape} by {lanes}", chain(make(), shape=shape, entry=F(2, 0)), by(lanes)
        for entry in (F(3, 1, signed=False), F(3, 3), F(1, 0)):
            for lanes in (1, 2, 4):
                yield f"{kind} of {entry} by {lanes}", chain(make(), shape=(4,), entry=entry), by(lanes)
        for m, lanes in ((3, 1), (4, 2), (5, 2)):
            ops = behind(make(), m)
            yield f"{kind} behind a layer, {m} by {lanes}", chain(*ops, shape=(2,), entry=CODES), by(lanes, 1)
    for entry, size in ((F(3, -2), 4), (F(3, -2, signed=False), 4), (F(2, 4), 3), (F(2, 0), 18), (F(9, 2), 2)):
        for lanes in (1, 2):
            yield f"top1 of {size} {entry} by {lanes}", chain(Top1(), shape=(size,), entry=entry), by(lanes)


def _thresholds() -> Iterator[Killer]:
    for levels in (1, 3, 6):
        for lanes in (1, 2, 3):
            shared, each = Threshold(LEVELS[2:3, :levels]), Threshold(LEVELS[:, :levels])
            yield f"{levels} thresholds by {lanes}", chain(shared, shape=(3,), entry=CODES), by(lanes)
            yield f"{levels} thresholds a channel by {lanes}", chain(each, shape=(5,), entry=CODES), by(lanes)
            yield f"{levels} thresholds a channel of rows by {lanes}", chain(each, shape=(3, 5), entry=CODES), by(lanes)
        yield f"{levels} thresholds, all channels", chain(Threshold(LEVELS[:, :levels]), shape=(5,), entry=CODES), by(5)
        for fmt in (F(3, 1, signed=False), F(1, 0)):
            levels_of = np.array([[fmt.max_code + 1, fmt.min_code, fmt.max_code] * 2])[:, :levels]
            yield f"{levels} thresholds of {fmt}", chain(Threshold(levels_of), shape=(3,), entry=fmt), by(2)
            both = np.concatenate([levels_of, levels_of - 1]).clip(fmt.min_code)
            yield f"{levels} thresholds a channel of {fmt}", chain(Threshold(both), shape=(2,), entry=fmt), {}
    seven = np.array([[-4, -3, -1, 0, 1, 2, 4]])
    yield "7 thresholds", chain(Threshold(seven), shape=(3,), entry=CODES), {}
    many = np.random.default_rng(0).integers(-4, 5, (1030, 1))
    yield "deep memory of thresholds", chain(Threshold(many), shape=(1030,), entry=CODES), {}


ROWS: list[Killer] = [*_softmax(), *_largest(), *_thresholds()]

"""Parts of a value, along the last axis and others, beat by beat and whole runs at once."""

from __future__ import annotations

from typing import Any

from creator import FixedPoint, nn
from creator.affine import Affine
from creator.ops import Clamp, Op, Slice
from tests.cases import Case, GraphCase, constants
from tests.graph.chains import chain, linear, quantize

F = FixedPoint


def case(name: str, *ops: Op, **kwargs: Any) -> GraphCase:
    options = kwargs.pop("options", {})
    return GraphCase(name, lambda: chain(*ops, **kwargs), options)


CASES: list[Case | GraphCase] = [
    case("the first", Slice(0, 0, 3)),
    case("the last", Slice(0, 1, 4)),
    case("the middle", Slice(0, 1, 3)),
    case("one of them", Slice(0, 2, 3)),
    case("between layers", linear(4, 6), Slice(0, 1, 5), linear()),
    case("twice", quantize(F(6, 2)), Slice(0, 1, 4), Slice(0, 0, 2)),
    case("and a relu", Slice(0, 1, 3), Clamp(0, 50)),
    case("channels", Slice(1, 1, 3), shape=(3, 4)),
    case("the first channels", Slice(1, 0, 3), shape=(3, 4)),
    case("the last channel", Slice(1, 3, 4), shape=(3, 4)),
    case("rows", Slice(0, 1, 3), shape=(4, 2)),
    case("columns", Slice(1, 1, 2), shape=(2, 3, 2)),
    case("of an arbitrary scale", Slice(0, 1, 3), entry=Affine(0.1, 3, 6)),
    *(
        case(f"{lanes} of {shape}, {op.start} to {op.stop}", op, shape=shape, options={"lanes": {"layer.0": lanes}})
        for op, shape, lanes in (
            (Slice(0, 0, 5), (8,), 3),
            (Slice(0, 0, 5), (8,), 4),
            (Slice(0, 4, 7), (8,), 2),
            (Slice(0, 4, 8), (8,), 4),
            (Slice(0, 3, 7), (8,), [8, 4]),
            (Slice(1, 2, 4), (3, 6), 2),
            (Slice(1, 1, 4), (3, 6), [6, 3]),
            (Slice(1, 1, 4), (3, 6), [12, 6]),
            (Slice(1, 1, 4), (3, 6), [18, 9]),
            (Slice(0, 1, 2), (3, 2), 2),
        )
    ),
    case("between fast layers", linear(4, 6), Slice(0, 1, 5), linear(), options={"parallelism": 2}),
    constants(
        "unbound", lambda m, x: (parts := m.conv(x).unbind(1))[0] + parts[1], (3, 2), lambda: {"conv": nn.Conv1d(3, 2, 1)}
    ),
    case("all at once", linear(4, 6), Slice(0, 1, 5), linear(), options={"parallelism": "full-lanes"}),
]

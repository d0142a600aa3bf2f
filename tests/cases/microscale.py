"""Activations in microscaling formats: elements, block sizes, roundings, signs, lanes, axes, and layers around them."""

from __future__ import annotations

from typing import Any

import torch

from creator import FixedPoint, Rounding, nn
from creator.ops import Clamp, Microscale
from creator.quantize import E2M1, E2M3, E3M2, E4M3, E5M2, MXFP4, BlockQuantizer, Microscaling
from tests.cases import Case, GraphCase, sequential
from tests.graph.chains import chain

F = FixedPoint
DETERMINISTIC = [mode for mode in Rounding if mode is not Rounding.STOCHASTIC]
INTEGERS = F(4, 2, symmetric=True)
NINE = F(9, 3)


def change(name: str, entry: FixedPoint, fmt: Microscaling, n: int = 8, **options: Any) -> Case:
    return Case(name, lambda: sequential(nn.Quantize(entry), nn.Quantize(BlockQuantizer(fmt))), (n,), options)


def op(block: int, digits: int, depth: int, rounding: Rounding, **changes: Any) -> Microscale:
    largest = changes.get("largest", (1 << digits) - 1)
    return Microscale(block, digits, depth, largest, changes.get("least", -largest), rounding)


def case(name: str, found: Microscale, entry: FixedPoint = NINE, n: int = 4, **options: Any) -> GraphCase:
    return GraphCase(name, lambda: chain(found, shape=(n,), entry=entry), options)


CASES = [
    change("MXFP4 elements", F(10, 5), Microscaling(E2M1, 4)),
    change("MXFP8 elements, the last code a NaN", F(12, 5), Microscaling(E4M3, 4)),
    change("MXFP8 elements, deep", F(14, 5), Microscaling(E5M2, 2)),
    change("MXFP6 elements", F(12, 5), Microscaling(E3M2, 4), lanes={"1": (2, 2)}),
    change("MXFP6 elements, all lanes", F(12, 5), Microscaling(E2M3, 4), lanes={"1": (4, 4)}),
    change("integer elements", F(10, 5), Microscaling(F(5, 3, symmetric=True), 4)),
    change("integer elements, two's complement", F(10, 5), Microscaling(F(4, 2), 4)),
    change("a block longer than the row", F(10, 5), MXFP4, n=3),
    change("blocks of one", F(10, 5), Microscaling(E2M1, 1), n=3),
    change("values that are all exact", F(3, 1), Microscaling(E4M3, 2)),
    change("values of one bit", F(1, 0, signed=False), Microscaling(E2M1, 2)),
    change("as many digits as bits, the last code a NaN", F(5, 0), Microscaling(E4M3, 2)),
    change("symmetric values", F(8, 3, symmetric=True), Microscaling(E2M1, 4)),
    change("unsigned values", F(8, 8, signed=False), Microscaling(INTEGERS, 4)),
    *(case(f"{mode}, elements with a depth", op(2, 2, 2, mode)) for mode in DETERMINISTIC),
    *(case(f"{mode}, integers", op(4, 3, 0, mode, least=-8)) for mode in DETERMINISTIC),
    *(case(f"{mode}, unsigned", op(2, 2, 1, mode), F(7, 3, signed=False)) for mode in DETERMINISTIC),
    GraphCase("values narrower than their format", lambda: chain(Clamp(-5, 6), op(2, 2, 1, Rounding.HALF_EVEN), shape=(4,),
              entry=NINE)),
    GraphCase("values of one sign, two lanes", lambda: chain(Clamp(0, 90), op(4, 3, 2, Rounding.HALF_EVEN), shape=(8,),
              entry=NINE), {"lanes": {"layer.1": 2}}),
    GraphCase("one sign, narrower than their format", lambda: chain(Clamp(0, 9), op(2, 1, 1, Rounding.FLOOR), shape=(2,),
              entry=NINE)),
    case("one digit", op(4, 1, 3, Rounding.HALF_EVEN)),
    case("two digits, the last code a NaN", op(2, 2, 3, Rounding.HALF_AWAY, largest=2)),
    case("a depth beyond the values", op(2, 3, 200, Rounding.HALF_EVEN)),
    Case(
        "layers around it",
        lambda: sequential(
            nn.Quantize(F(6, 3)),
            nn.Linear(5, 8, weight=F(5, 4), output=F(12, 7)),
            nn.ReLU(),
            nn.Quantize(BlockQuantizer(Microscaling(E2M1, 4))),
            nn.Linear(8, 3, weight=BlockQuantizer(MXFP4, 1), output=F(8, 3)),
        ),
        (5,),
    ),
    Case(
        "the channels of images",
        lambda: sequential(
            nn.Quantize(F(6, 3)),
            nn.Conv2d(2, 4, 2, weight=F(5, 4), output=F(10, 6)),
            nn.Quantize(BlockQuantizer(Microscaling(E2M1, 2), axis=1)),
            torch.nn.MaxPool2d(2),
        ),
        (2, 3, 5),
    ),
    Case(
        "the columns of images",
        lambda: sequential(nn.Quantize(F(8, 3)), nn.Quantize(BlockQuantizer(Microscaling(E2M1, 2), axis=-1))),
        (3, 2, 4),
    ),
]  # fmt: skip

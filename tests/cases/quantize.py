"""Changes of format inside a network."""

from __future__ import annotations

from creator import FixedPoint, Overflow, Rounding, nn
from tests.cases import Case, sequential

F = FixedPoint


def change(name: str, entry: FixedPoint, output: FixedPoint, **kwargs: object) -> Case:
    return Case(name, lambda: sequential(nn.Quantize(entry), nn.Quantize(output, **kwargs)), (5,))


CASES = [
    *(
        change(f"{rounding} {overflow} {entry} to {output}", entry, output, rounding=rounding, overflow=overflow)
        for rounding in Rounding
        if rounding is not Rounding.STOCHASTIC
        for overflow in Overflow
        for entry, output in ((F(8, 4), F(4, 2)), (F(7, 6, signed=False), F(5, 5)), (F(6, 1), F(6, 0, signed=False)))
    ),
    change("wider", F(4, 2), F(9, 5)),
    change("finer and saturating", F(8, 0), F(8, 6)),
    change("finer and wrapping", F(8, 0), F(8, 6), overflow=Overflow.WRAP),
    change("finer by more than the width", F(3, 0), F(5, 20)),
    change("unsigned to narrower unsigned", F(8, 0, signed=False), F(4, 0, signed=False)),
    change("signed to wider unsigned, wrapping", F(3, 0), F(8, 0, signed=False), overflow=Overflow.WRAP),
    change("symmetric", F(6, 2), F(4, 1, symmetric=True)),
    change("from symmetric", F(4, 1, symmetric=True), F(6, 2, signed=False)),
    change("far away, floor", F(6, 2), F(4, -30), rounding=Rounding.FLOOR),
    change("far away, half even", F(6, 2), F(4, -30)),
    change("one bit each", F(1, 0), F(1, 0, signed=False)),
    Case("merged with relu", lambda: sequential(nn.Quantize(F(8, 4)), nn.Quantize(F(5, 2)), nn.ReLU()), (3,)),
    Case("three in a row", lambda: sequential(*(nn.Quantize(F(9 - n, 5 - n)) for n in range(4))), (3,)),
    Case("between linear layers", lambda: sequential(
        nn.Quantize(F(8, 4)), nn.Linear(4, 6), nn.Quantize(F(4, 2)), nn.Linear(6, 2)), (4,)),
    Case("one element", lambda: sequential(nn.Quantize(F(8, 4)), nn.Quantize(F(4, 2))), (1,)),
]  # fmt: skip

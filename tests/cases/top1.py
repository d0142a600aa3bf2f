"""The largest element and its index: formats that are wide enough for both, ties, rows, lanes."""

from __future__ import annotations

from creator import FixedPoint, nn
from tests.cases import Case, sequential

F = FixedPoint
IN = F(8, 4)
TIES = F(2, 0)


def end(name: str, shape: tuple[int, ...], lanes: int = 1, entry: FixedPoint = IN) -> Case:
    return Case(name, lambda: sequential(nn.Quantize(entry), nn.Top1()), shape, {"lanes": {"1": lanes}})


CASES = [
    end("ten", (10,)),
    end("one element", (1,)),
    end("one element, unsigned", (1,), entry=F(3, 1, signed=False)),
    end("two", (2,), 2),
    end("ties", (7,), 1, TIES),
    end("an index wider than the score", (40,), 4, F(2, 0)),
    end("a score wider than the index", (3,), 2, F(16, 3)),
    end("no fractional bits", (6,), 3, F(6, 0)),
    end("unsigned", (6,), 4, F(5, 2, signed=False)),
    end("negative fractional bits", (6,), 1, F(5, -3)),
    end("negative fractional bits, unsigned", (6,), 6, F(5, -3, signed=False)),
    end("fraction beyond the width", (6,), 2, F(4, 9)),
    end("1 bit", (5,), 2, F(1, 0)),
    end("symmetric", (5,), 5, F(3, 1, symmetric=True)),
    *(end(f"13 ties, {lanes} lanes", (13,), lanes, TIES) for lanes in (2, 3, 4, 5, 7, 8, 12, 13)),
    end("rows", (3, 5), 1, TIES),
    end("rows of one, several in a beat", (5, 1), 3, TIES),
    end("rows, half of one in a beat", (2, 6), 3, TIES),
    end("rows, two in a beat", (3, 5), 10, TIES),
    end("rows, all in a beat", (3, 4), 12, TIES),
    Case("a classifier", lambda: sequential(nn.Quantize(IN), nn.Linear(6, 5), nn.ReLU(), nn.Top1()), (6,)),
    Case("a linear layer after it", lambda: sequential(nn.Quantize(IN), nn.Top1(), nn.Linear(2, 3)), (5,),
         {"lanes": {"1": 2, "2": [1, 2]}}),
]  # fmt: skip

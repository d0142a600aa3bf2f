"""Other shapes for the same elements."""

from __future__ import annotations

from creator import FixedPoint, nn
from tests.cases import Case, sequential

F = FixedPoint(8, 4)

CASES = [
    Case("flatten", lambda: sequential(nn.Quantize(F), nn.Flatten(), nn.Linear(12, 3)), (3, 4)),
    Case("flatten before the format", lambda: sequential(nn.Flatten(), nn.Quantize(F), nn.Linear(8, 3)), (1, 2, 4)),
    Case("flatten at the end", lambda: sequential(nn.Quantize(F), nn.ReLU(), nn.Flatten()), (2, 3)),
]

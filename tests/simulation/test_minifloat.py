"""Every input code of a change to floating point, through the VHDL."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import creator
from creator import FixedPoint, Rounding
from creator.ops import Minifloat
from tests import oracle
from tests.graph.chains import chain

F = FixedPoint


@pytest.mark.parametrize("rounding", oracle.ROUNDINGS)
@pytest.mark.parametrize(
    ("entry", "output", "mantissa"),
    [(F(12, 5), F(10, 2, symmetric=True), 2), (F(11, 3, signed=False), F(12, 3), 3), (F(9, 1), F(14, 4), 0)],
)
def test_every_code(tmp_path: Path, rounding: Rounding, entry: FixedPoint, output: FixedPoint, mantissa: int) -> None:
    op = Minifloat(output, mantissa, rounding, -448, 448)
    folder = creator.translate(chain(op, shape=(1,), entry=entry)).write(tmp_path / "build")
    codes = np.arange(entry.min_code, entry.max_code + 1)
    run = creator.simulate(folder, codes[:, None], bench="vhdl")
    assert run.compared == len(codes) == 2**entry.total_bits
    assert run.outputs[:, 0].tolist() == [oracle.floated(op, entry, code) for code in codes.tolist()]

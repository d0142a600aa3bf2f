"""Rounding to floating-point formats: every input code through the mapped netlist, against exact fractions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from creator.formats import FixedPoint, Rounding
from creator.ops import Minifloat
from creator.ops.lookup import pattern_codes
from creator.ops.minifloat import STAGES
from tests.oracle import ROUNDINGS, floated
from tests.proofs.flow import functions
from tests.proofs.kernels import Kernel, part, rendered
from tests.proofs.pipeline import Function

F = FixedPoint
E4M3, MOST = F(19, 9, symmetric=True), 229376
Case = tuple[FixedPoint, Minifloat]


def change(entry: FixedPoint, output: FixedPoint, mantissa: int, rounding: Rounding, most: int) -> Case:
    return entry, Minifloat(output, mantissa, rounding, -most, most)


CASES: list[Case] = [
    *(change(F(11, 4), F(8, 1, symmetric=True), 2, mode, 112) for mode in ROUNDINGS),
    *(change(F(10, 3, signed=False), F(9, 4), 1, mode, 192) for mode in ROUNDINGS),
    change(F(15, 16), E4M3, 3, Rounding.HALF_EVEN, MOST),
    change(F(15, 4), E4M3, 3, Rounding.HALF_EVEN, MOST),
]


def kernel_of(case: Case) -> Kernel:
    entry, op = case
    return Kernel(f"{entry} to {op.output}, {op.rounding}", part(rendered(op, entry), "_rounder"), {"result": STAGES})


def wrong(case: Case, function: Function) -> int:
    """How many of all input codes come out wrong."""
    entry, op = case
    inputs, outputs = function.table()
    codes = pattern_codes(entry)[inputs["value"]]
    assert len(np.unique(codes)) == 1 << entry.total_bits
    mask = (1 << op.output.total_bits) - 1
    expected = np.array([floated(op, entry, code) & mask for code in codes.tolist()])
    return int((expected != outputs["result"]).sum())


@pytest.mark.parametrize("target", ["ecp5-25k", pytest.param("ice40-up5k", marks=pytest.mark.extended)])
def test_every_code(target: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    made = functions([kernel_of(case) for case in CASES], tmp_path, target)
    assert [wrong(case, function) for case, function in zip(CASES, made, strict=True)] == [0] * 12
    record_property("proofs", len(made))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("carry <= dropped_2(0);", "carry <= '0';"),
        ("dropped_3(10 downto 1) & carry", "dropped_3(10 downto 1) & '0'"),
        ('"00" & reach_1', '"00" & reach_0'),
        ("and not ('0' & dropped_3)", "or not ('0' & dropped_3)"),
    ],
)
def test_a_fault_shows(old: str, new: str, tmp_path: Path) -> None:
    case = change(F(11, 4), F(8, 1, symmetric=True), 2, Rounding.HALF_EVEN, 112)
    (function,) = functions([kernel_of(case).edited(old, new)], tmp_path)
    assert wrong(case, function) > 0

"""That the proofs can fail: VHDL with one thing wrong is refuted, and the message says for which inputs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from creator.affine import Affine
from creator.formats import FixedPoint, Overflow, Rounding
from creator.ops import Lanes
from tests.graph.chains import quantize
from tests.oracle import OVERFLOWS
from tests.proofs import multipliers
from tests.proofs.flow import functions
from tests.proofs.kernels import Requantizer, of_quantize
from tests.proofs.multiplying import Mac, accumulates, multiplies
from tests.proofs.sat import RefutedError, prove
from tests.proofs.specification import requantizes
from tests.proofs.test_multipliers import compare_sums
from tests.proofs.test_requantizers import compare

F = FixedPoint
WIDE, NARROW, OUTPUT = F(24, 10), F(12, 6), F(8, 4)


def requantizer(rounding: Rounding, overflow: Overflow, old: str, new: str, entry: FixedPoint = WIDE) -> Requantizer:
    found = of_quantize(quantize(OUTPUT, rounding, overflow), entry)
    return replace(found, kernel=found.kernel.edited(old, new))


SATURATE, WRAP = OVERFLOWS
FAULTS: list[tuple[str, Rounding, Overflow, str, str]] = [
    ("the tie goes to odd codes", Rounding.HALF_EVEN, SATURATE, "when wide(6) = '1' or", "when wide(6) = '0' or"),
    ("the tie goes up", Rounding.HALF_EVEN, SATURATE, "when wide(6) = '1' or", "when wide(6) = '1' or wide(23) = '0' or"),
    ("half is a bit too low", Rounding.HALF_UP, SATURATE, "carry(0) <= wide(5)", "carry(0) <= wide(4)"),
    ("the tie goes to zero", Rounding.HALF_AWAY, SATURATE, "wide(23) = '0' or", "wide(23) = '1' or"),
    (
        "a dropped bit is not seen",
        Rounding.TOWARD_ZERO,
        SATURATE,
        'wide(5 downto 0) /= "000000"',
        'wide(5 downto 1) /= "00000"',
    ),
    ("no carry", Rounding.HALF_UP, WRAP, "kept + carry", "kept"),
    (
        "the sign is not extended",
        Rounding.HALF_UP,
        SATURATE,
        "resize(wide(23 downto 6), 19)",
        "signed('0' & wide(23 downto 6))",
    ),
    (
        "a bit of the upper limit is not tested",
        Rounding.FLOOR,
        SATURATE,
        "'0' and rounded(16 downto 7)",
        "'0' and rounded(16 downto 8)",
    ),
    ("a limit off by one", Rounding.FLOOR, SATURATE, '"01111111"', '"01111110"'),
    (
        "wraps instead of saturating",
        Rounding.FLOOR,
        SATURATE,
        "if rounded(17) = '1' and",
        "if rounded(17) = '1' and rounded(16) = '0' and",
    ),
]


def test_wrong_requantizers_are_refuted(tmp_path: Path) -> None:
    right = [of_quantize(quantize(OUTPUT, rounding, overflow), WIDE) for _, rounding, overflow, _, _ in FAULTS]
    wrong = [requantizer(*fault[1:]) for fault in FAULTS]
    made = functions([kernel.kernel for kernel in (*right, *wrong)], tmp_path)
    # One without a fault is proven in the same run.
    claims = [requantizes(kernel, function) for kernel, function in zip((*right, *wrong), made, strict=True)][len(FAULTS) - 1 :]
    with pytest.raises(RefutedError) as refuted:
        prove(claims, tmp_path)
    lines = str(refuted.value).splitlines()
    assert len(lines) == len(FAULTS) == 10
    for line, kernel, function, good in zip(lines, wrong, made[len(FAULTS) :], made, strict=False):
        assert line.startswith(kernel.kernel.title)
        found = re.search(r"counterexample r=(\d+), result=(\d+), value=(\d+)$", line)
        assert found, line
        # The counterexample is one: for this value the right kernel gives something else.
        result, value = int(found[2]), {"value": np.array([int(found[3])])}
        assert function.run(value)["result"][0] == result != good.run(value)["result"][0]


def test_exhausting_finds_wrong_requantizers(tmp_path: Path) -> None:
    faults = [("wide(2) = '1' or", "wide(2) = '0' or"), ('"01111111"', '"01111101"'), ("kept + carry", "kept - carry")]
    wrong = [requantizer(Rounding.HALF_EVEN, SATURATE, *fault, NARROW) for fault in faults]
    for kernel, function in zip(wrong, functions([found.kernel for found in wrong], tmp_path), strict=True):
        with pytest.raises(AssertionError, match="codes are wrong, first"):
            compare(kernel, function)


def edited(mac: Mac, old: str, new: str) -> Mac:
    return replace(mac, kernel=mac.kernel.edited(old, new))


MACS: list[tuple[str, Callable[[], Mac], str, str]] = [
    (
        "an addend without its sign",
        lambda: multipliers.wide_mac(8, 8, True, 64, 7, 0),
        "addend <= resize(product,",
        "addend <= resize(signed('0' & product),",
    ),
    (
        "a sum that never starts anew",
        lambda: multipliers.wide_mac(8, 6, True, 4, 100, 0),
        "when first = '1' else total",
        "when first = '1' and enable = '0' else total",
    ),
    (
        "half of a bias",
        lambda: multipliers.wide_mac(8, 6, True, 4, 100, 0),
        "resize(signed(bias),",
        "resize(signed(bias(7 downto 1)),",
    ),
    ("packed without the carry", lambda: multipliers.mac_array(8, 4, True, Lanes(2, 3, True), 8, 0), " + carry;", ";"),
]


def test_wrong_sums_are_refuted(tmp_path: Path) -> None:
    wrong = [edited(make(), old, new) for _, make, old, new in MACS]
    made = functions([mac.kernel for mac in wrong], tmp_path)
    with pytest.raises(RefutedError) as refuted:
        prove([accumulates(mac, function) for mac, function in zip(wrong, made, strict=True)], tmp_path)
    lines = str(refuted.value).splitlines()
    assert len(lines) == len(MACS) == 4
    for line, mac in zip(lines, wrong, strict=True):
        assert line.startswith(mac.kernel.title)
        assert re.search("counterexample a_0=.*activation=", line)


def test_exhausting_finds_wrong_packed_products(tmp_path: Path) -> None:
    faults = [(" + carry;", ";"), ("carry := '0' &", "carry := '0' & not")]
    wrong = [edited(multipliers.packed(5, 3, True), *fault) for fault in faults]
    for mac, function in zip(wrong, functions([mac.kernel for mac in wrong], tmp_path), strict=True):
        with pytest.raises(AssertionError, match=r"row 1: .* sums are wrong, first with"):
            compare_sums(mac, function)


def test_a_part_that_is_added_at_another_place_is_refuted(tmp_path: Path) -> None:
    entry = F(20, 0)
    kernel = multipliers.factor_kernel(entry, [65535, 32769])
    wrong = kernel.edited("+ product_1", "- product_1")
    (function,) = functions([wrong], tmp_path)
    with pytest.raises(RefutedError, match=r"counterexample .*product_1="):
        prove([multiplies(function, entry, 0)], tmp_path)


def test_a_zero_point_off_by_one_has_no_multiplier_with_its_operand(tmp_path: Path) -> None:
    entry = Affine(0.2, -100, 8)
    (function,) = functions([multipliers.factor_kernel(entry, [65535, 3])], tmp_path)
    with pytest.raises(AssertionError, match="no multiplier has the operands"):
        multiplies(function, entry, -99)


def test_a_register_that_forgets_while_enable_is_0_is_found(tmp_path: Path) -> None:
    kernel = of_quantize(quantize(OUTPUT, Rounding.HALF_UP), WIDE).kernel
    (name, text) = kernel.sources[-1]
    parts = text.split("      if enable = '1' then\n")
    assert len(parts) == 2
    wrong = replace(kernel, sources=((name, text.replace("if enable = '1' then", "if enable = '1' or value(3) = '1' then")),))
    with pytest.raises(AssertionError, match="a register changes while enable is 0"):
        functions([wrong], tmp_path)

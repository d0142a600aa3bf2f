"""Products and sums: exhausted with few input bits, else proven for all products that multiplier blocks can give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from creator.affine import Affine, Format
from creator.formats import FixedPoint, IntArray
from creator.ops import Rescale, TensorType
from creator.ops.lookup import pattern_codes
from tests.oracle import ROUNDINGS
from tests.proofs import multipliers
from tests.proofs.flow import GENERIC, functions
from tests.proofs.kernels import Kernel
from tests.proofs.multiplying import Mac, accumulates, multiplies, signed
from tests.proofs.pipeline import Function
from tests.proofs.sat import prove

Record = Callable[[str, object], None]


def compare_rescale(function: Function, op: Rescale, entry: Format) -> int:
    inputs, outputs = function.table()
    codes = pattern_codes(FixedPoint(entry.total_bits, 0, entry.signed))[inputs["in_data"]]
    expected = op.run((TensorType((1,), entry),), (codes[:, None],))[:, 0] & ((1 << op.output.total_bits) - 1)
    wrong = codes[expected != outputs["out_data"]]
    assert not wrong.size, f"{function.kernel.title}: {wrong.size} codes are wrong, first {wrong[0]}"
    return len(codes)


def sums_of(mac: Mac, values: dict[str, IntArray]) -> list[IntArray]:
    """The next sums in Python's words: of unpacked or packed products, one list entry a row; weights as the memory has them."""
    array = mac.array
    lanes, bits = array.lanes.input, array.x.format.total_bits
    weights = weights_of(mac, values["weight"])
    found = []
    for row in range(array.lanes.output):
        total = np.zeros_like(values["weight"])
        for lane in range(lanes):
            x = values["activation"] >> bits * lane & ((1 << bits) - 1)
            total += (signed(x, bits) if array.x.format.signed else x) * weights[row][lane]
        found.append(total)
    return found


def weights_of(mac: Mac, words: IntArray) -> list[list[IntArray]]:
    """The weights of each row and lane in words of the memory: pairs of rows first, the upper one less one after a negative."""
    array = mac.array
    lanes, place = array.lanes.input, 0

    def take(bits: int) -> IntArray:
        nonlocal place
        place += bits
        return signed(words >> (place - bits) & ((1 << bits) - 1), bits)

    rows: list[list[IntArray]] = []
    for _ in range(array.pairs):
        low, upper = [], []
        for _ in range(lanes):
            low.append(take(array.weight_bits))
            upper.append(take(array.upper_bits) + (low[-1] < 0))
        rows += [low, upper]
    for _ in range(array.lanes.output - 2 * array.pairs):
        rows.append([take(array.weight_bits) for _ in range(lanes)])
    return rows


def compare_sums(mac: Mac, function: Function) -> int:
    """Every activation, weight and, where sums go on, bias, state and first; returns how many."""
    inputs, outputs = function.table()
    least, most = int(mac.op.weight.min()), int(mac.op.weight.max())
    weights = weights_of(mac, inputs["weight"])
    counts = np.ones(len(inputs["weight"]), dtype=bool)
    for row in weights:
        for weight in row:
            counts &= (weight >= least) & (weight <= most)
    bits = mac.op.accumulator.total_bits
    for row, total in enumerate(sums_of(mac, inputs)):
        if mac.accumulates:
            bias = signed(inputs["bias"], mac.array.bias_bits) if mac.array.bias_bits else mac.op.bias[0]
            total = total + np.where(inputs["first"] == 1, bias, signed(inputs["sum_before"], bits))
        wrong = counts & ((outputs["sum"] >> bits * row & ((1 << bits) - 1)) != total & ((1 << bits) - 1))
        first = {name: int(values[wrong][0]) for name, values in inputs.items()} if wrong.any() else {}
        assert not first, f"{mac.kernel.title}: row {row}: {wrong.sum()} sums are wrong, first with {first}"
    return int(counts.sum())


def exhaust(macs: Sequence[Mac], folder: Path, record: Record, target: str = "ecp5-25k") -> list[int]:
    made = functions([mac.kernel for mac in macs], folder, target)
    counts = [compare_sums(mac, function) for mac, function in zip(macs, made, strict=True)]
    record("proofs", len(counts))
    return counts


def prove_macs(macs: Sequence[Mac], folder: Path, record: Record, target: str = "ecp5-25k") -> None:
    made = functions([mac.kernel for mac in macs], folder, target)
    proven = prove([accumulates(mac, function) for mac, function in zip(macs, made, strict=True)], folder)
    assert proven == len(macs)
    record("proofs", proven)


def prove_factors(cases: Sequence[tuple[Format, list[int]]], folder: Path, record: Record) -> None:
    made = functions([multipliers.factor_kernel(*case) for case in cases], folder)
    claims = [
        multiplies(function, entry, entry.zero_point if isinstance(entry, Affine) else 0)
        for function, (entry, _) in zip(made, cases, strict=True)
    ]
    assert prove(claims, folder) == len(cases)
    record("proofs", len(cases))


def test_two_products_in_one_multiplier(tmp_path: Path, record_property: Record) -> None:
    """All of two weights' and an activation's codes, the most negative ones included."""
    cases = multipliers.packed_pairs()[::9]
    counts = exhaust([multipliers.packed(*case) for case in cases], tmp_path, record_property)
    assert counts == [1 << activation + 2 * weight for activation, weight, _ in cases]
    assert len(counts) == 8


def test_few_bits_are_exhausted(tmp_path: Path, record_property: Record) -> None:
    macs = [mac for mac, _ in [*multipliers.selected()[::2], *multipliers.small_macs()[::2]]]
    counts = exhaust(macs, tmp_path, record_property)
    assert min(counts) >= 2
    assert len(counts) == 13


def test_a_change_of_scale_is_exhausted(tmp_path: Path, record_property: Record) -> None:
    cases: list[tuple[Kernel, Rescale, Format]] = [
        case for place, rounding in enumerate(ROUNDINGS) for case in multipliers.whole_rescales(rounding)[place::12]
    ]
    made = functions([kernel for kernel, _, _ in cases], tmp_path)
    counts = [compare_rescale(function, op, entry) for function, (_, op, entry) in zip(made, cases, strict=True)]
    assert len(counts) == 10
    assert counts == [1 << entry.total_bits for _, _, entry in cases]
    record_property("proofs", len(counts))


def test_one_multiplier_is_proven(tmp_path: Path, record_property: Record) -> None:
    prove_macs([multipliers.wide_mac(*case) for case in multipliers.WIDE], tmp_path, record_property)


def test_several_multipliers_are_proven(tmp_path: Path, record_property: Record) -> None:
    prove_macs([multipliers.mac_array(*case) for case in multipliers.ARRAYS[:3]], tmp_path, record_property)


def test_factors_in_parts_are_proven(tmp_path: Path, record_property: Record) -> None:
    prove_factors(multipliers.FACTORS[:4], tmp_path, record_property)


@pytest.mark.extended
@pytest.mark.parametrize("part", range(6))
def test_every_pair_of_widths_in_one_multiplier(part: int, tmp_path: Path, record_property: Record) -> None:
    cases = multipliers.packed_pairs()[part::6]
    counts = exhaust([multipliers.packed(*case) for case in cases], tmp_path, record_property)
    assert counts == [1 << activation + 2 * weight for activation, weight, _ in cases]


@pytest.mark.extended
def test_all_of_few_bits_are_exhausted(tmp_path: Path, record_property: Record) -> None:
    macs = [mac for mac, _ in [*multipliers.selected(), *multipliers.small_macs()]]
    assert len(exhaust(macs, tmp_path, record_property)) == 26


@pytest.mark.extended
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_all_changes_of_scale_are_exhausted(rounding: str, tmp_path: Path, record_property: Record) -> None:
    cases = multipliers.whole_rescales(rounding)
    made = functions([kernel for kernel, _, _ in cases], tmp_path)
    counts = [compare_rescale(function, op, entry) for function, (_, op, entry) in zip(made, cases, strict=True)]
    assert len(counts) == 24
    record_property("proofs", len(counts))


@pytest.mark.extended
def test_all_arrays_are_proven(tmp_path: Path, record_property: Record) -> None:
    prove_macs([multipliers.mac_array(*case) for case in multipliers.ARRAYS[3:]], tmp_path, record_property)


@pytest.mark.extended
def test_all_factors_are_proven(tmp_path: Path, record_property: Record) -> None:
    prove_factors(multipliers.FACTORS[4:], tmp_path, record_property)


@pytest.mark.extended
def test_multiplications_of_any_width_before_they_are_mapped(tmp_path: Path, record_property: Record) -> None:
    """Wider than one block of the ECP5: Yosys's netlist before it cuts multiplications."""
    macs = [multipliers.wide_mac(*case) for case in multipliers.WIDE]
    macs += [multipliers.wide_mac(25, 20, True, 5, 9, 0), multipliers.wide_mac(30, 15, False, 3, -70000, 2)]
    macs += [multipliers.mac_array(*case) for case in multipliers.ARRAYS[:3]]
    prove_macs(macs, tmp_path, record_property, GENERIC)

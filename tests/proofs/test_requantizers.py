"""Every rounding and overflow: the netlist against the integer operation for all inputs, or against docs/numerics.md by SAT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from creator.formats import FixedPoint
from creator.ops import TensorType
from creator.ops.lookup import pattern_codes
from tests.graph.chains import quantize
from tests.oracle import ROUNDINGS
from tests.proofs import requantizers
from tests.proofs.flow import functions
from tests.proofs.kernels import Requantizer, of_quantize
from tests.proofs.pipeline import Function
from tests.proofs.sat import prove
from tests.proofs.specification import requantizes, some_value_is_reached

Record = Callable[[str, object], None]
F = FixedPoint


def compare(kernel: Requantizer, function: Function) -> int:
    """Every code through the netlist and through the operation; returns how many."""
    assert sum(map(len, function.inputs.values())) == kernel.entry.total_bits <= 16
    inputs, outputs = function.table()
    codes = pattern_codes(kernel.entry)[inputs["value"]]
    expected = kernel.op.run((TensorType((1,), kernel.entry),), (codes,)) & ((1 << kernel.output.total_bits) - 1)
    wrong = codes[expected != outputs["result"]]
    assert not wrong.size, f"{kernel.kernel.title}: {wrong.size} codes are wrong, first {wrong[0]}"
    return len(codes)


def prove_all(kernels: list[Requantizer], folder: Path, record: Record, target: str = "ecp5-25k") -> None:
    made = functions([kernel.kernel for kernel in kernels], folder, target)
    proven = prove([requantizes(kernel, function) for kernel, function in zip(kernels, made, strict=True)], folder)
    assert proven == len(kernels)
    record("proofs", proven)


def test_narrow_ones_are_exhausted(tmp_path: Path, record_property: Record) -> None:
    kernels = requantizers.modes(requantizers.NARROW)
    made = functions([kernel.kernel for kernel in kernels], tmp_path)
    counts = [compare(kernel, function) for kernel, function in zip(kernels, made, strict=True)]
    assert len(counts) == 70
    assert sum(counts) == 10 * sum(1 << entry.total_bits for entry, _ in requantizers.NARROW)
    record_property("proofs", len(counts))


def test_wide_ones_are_proven(tmp_path: Path, record_property: Record) -> None:
    kernels = requantizers.modes(requantizers.BASIC)
    assert len(kernels) == 40
    prove_all(kernels, tmp_path, record_property)


def test_the_specification_agrees_with_the_operation(tmp_path: Path, record_property: Record) -> None:
    """What is exhausted against the operation is proven as well: so both say the same of every code of these formats."""
    kernels = requantizers.modes([(F(9, 6), F(5, 3)), (F(5, 1, signed=False), F(4, 3))])
    made = functions([kernel.kernel for kernel in kernels], tmp_path)
    assert sum(compare(kernel, function) for kernel, function in zip(kernels, made, strict=True)) == 10 * (512 + 32)
    claims = [requantizes(kernel, function) for kernel, function in zip(kernels, made, strict=True)]
    # For every code there is a rounded value: else the specification would say nothing of that code.
    pairs = [(F(9, 6), F(5, 3)), (F(22, 11), F(8, -2)), (F(20, 3, signed=False), F(9, 5))]
    all_modes = [of_quantize(quantize(output, rounding), entry) for entry, output in pairs for rounding in ROUNDINGS]
    functions_of_all = functions([kernel.kernel for kernel in all_modes], tmp_path)
    claims += [some_value_is_reached(kernel, function) for kernel, function in zip(all_modes, functions_of_all, strict=True)]
    assert prove(claims, tmp_path) == 35
    record_property("proofs", 20)


def test_limits_sums_and_products_are_proven(tmp_path: Path, record_property: Record) -> None:
    kernels = requantizers.limits()[::3] + requantizers.sums()[::15] + requantizers.products()[::13]
    kernels += requantizers.folded_sums()
    assert len(kernels) == 31
    prove_all(kernels, tmp_path, record_property)


MORE = requantizers.more_pairs()
TARGETS = ("ecp5-25k", "ice40-up5k", "lifcl-40", "gw2a-18c", "xc7")


@pytest.mark.extended
@pytest.mark.parametrize("batch", range(9))
def test_formats_of_all_widths_are_proven(batch: int, tmp_path: Path, record_property: Record) -> None:
    kernels = requantizers.modes(MORE[5 * batch : 5 * batch + 5])
    assert len(kernels) == 50
    prove_all(kernels, tmp_path, record_property, TARGETS[batch % len(TARGETS)])


@pytest.mark.extended
@pytest.mark.parametrize(("kind", "count"), [("limits", 29), ("sums", 30), ("products", 80)])
def test_all_limits_sums_and_products_are_proven(kind: str, count: int, tmp_path: Path, record_property: Record) -> None:
    kernels = getattr(requantizers, kind)()
    assert len(kernels) == count
    prove_all(kernels, tmp_path, record_property)


@pytest.mark.extended
@pytest.mark.parametrize("target", TARGETS[1:])
def test_other_devices(target: str, tmp_path: Path, record_property: Record) -> None:
    """The same on the cells of every family."""
    kernels = requantizers.modes(requantizers.BASIC[:2])
    assert len(kernels) == 20
    prove_all(kernels, tmp_path, record_property, target)


def test_a_pipeline_of_another_length_is_found(tmp_path: Path) -> None:
    kernel = of_quantize(quantize(F(8, 4)), F(20, 10)).kernel
    longer = replace(kernel, latency={"result": 3})
    with pytest.raises(AssertionError, match=r"result is 2 registers behind, not 3"):
        functions([longer], tmp_path)

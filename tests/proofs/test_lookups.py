"""Tables: every address through the mapped netlist, block RAM and its contents included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from creator.affine import Affine, Format
from creator.formats import FixedPoint
from creator.ops import Lookup
from tests.proofs.flow import map_batch
from tests.proofs.kernels import Kernel, of_lookup
from tests.synthesis.netlist_simulator import Netlist

F = FixedPoint
Record = Callable[[str, object], None]
Case = tuple[Format, Format]


def table(entry: Format, output: Format) -> Lookup:
    """Entries over the whole range, the ends among them, in no order."""
    rng = np.random.default_rng(entry.total_bits)
    entries = rng.integers(output.min_code, output.max_code, 1 << entry.total_bits, endpoint=True)
    entries[:2] = output.min_code, output.max_code
    return Lookup(rng.permutation(entries), output)


CASES: list[Case] = [
    (F(8, 4), F(8, 7)),
    (F(12, 6), F(9, 4, signed=False)),  # several block RAMs, in banks
    (F(4, 2, signed=False), F(16, 3)),
    (F(1, 0), F(5, 2)),
    (F(6, 3, signed=False), Affine(0.1, 3, 6)),
    (F(10, 5, symmetric=True), F(18, 9)),
]
MORE: list[Case] = [(F(bits, 0, bits % 2 == 0), F(width, 1)) for bits in (2, 3, 5, 7, 9, 11, 12) for width in (1, 8, 18)]


def look_up(kernels: Sequence[Kernel], ops: Sequence[Lookup], folder: Path) -> int:
    """Compares all entries of all tables, one address after the other; returns how many those were."""
    netlist = Netlist(map_batch(kernels, folder, models=False))
    for kernel in kernels:
        for name, value in kernel.constants.items():
            netlist.write(f"{kernel.entity}_{name}", value)
    compared = 0
    delays = [kernel.latency["out_data"] for kernel in kernels]
    for step in range(max(len(op.table) for op in ops) + max(delays)):
        for kernel, op, delay in zip(kernels, ops, delays, strict=True):
            address = step - delay
            if 0 <= address < len(op.table):
                netlist.settle()
                found = netlist.read(f"{kernel.entity}_out_data")
                expected = int(op.table[address]) & ((1 << op.output.total_bits) - 1)
                assert found == expected, f"{kernel.title}: address {address} has {found}, not {expected}"
                compared += 1
            netlist.write(f"{kernel.entity}_in_data", step % len(op.table))
        netlist.settle()
        netlist.clock()
    return compared


def compare(cases: Sequence[Case], folder: Path, record: Record) -> None:
    ops = [table(*case) for case in cases]
    kernels = [of_lookup(op, entry) for op, (entry, _) in zip(ops, cases, strict=True)]
    assert look_up(kernels, ops, folder) == sum(1 << entry.total_bits for entry, _ in cases)
    record("proofs", len(cases))


def test_every_entry(tmp_path: Path, record_property: Record) -> None:
    compare(CASES, tmp_path, record_property)


@pytest.mark.extended
def test_every_entry_of_more_tables(tmp_path: Path, record_property: Record) -> None:
    compare(MORE, tmp_path, record_property)


def test_a_wrong_entry_is_found(tmp_path: Path) -> None:
    op = table(F(4, 2), F(6, 3))
    wrong = np.array(op.table)
    wrong[11] ^= 1
    with pytest.raises(AssertionError, match="address 11 has"):
        look_up([of_lookup(op, F(4, 2))], [Lookup(wrong, op.output)], tmp_path)

"""What synthesis found."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Report:
    """Resources and speed of a design on a target.

    Args:
        target: name of the device.
        luts: look-up tables, those used as carry chains and distributed RAM included; logic cells on iCE40.
        ffs: flip-flops.
        brams: block RAMs; on xc7 in units of 36 kbit.
        dsps: multiplier blocks; on Gowin and Nexus, multipliers of 18 x 18 bits.
        fmax_mhz: highest clock after place and route; ``None`` where the target has none.
        inferences_per_second: at that clock, at the planned interval; ``None`` likewise.
        critical_path: what the slowest path runs from and to, in the network's terms; empty likewise.
        available: how many luts, ffs, brams and dsps the device has; empty for a family.
        seed: that place and route began from; ``None`` without it.
        cells: every cell that Yosys counts after mapping, without the flip-flops that moved into other blocks.
        folder: where logs, netlist and this report are.
        bitstream: the file, if one was asked for.
        edited: files of the build that are not as they were translated.
        untimed: paths that the router has no delays for, so that ``fmax_mhz`` is an upper bound; empty if there are none.
        packed: how many memories and multipliers took in registers, and how many flip-flops that saved; empty where none can.
    """

    target: str
    luts: int
    ffs: int
    brams: float
    dsps: int
    fmax_mhz: float | None
    inferences_per_second: float | None
    critical_path: str
    available: dict[str, int]
    seed: int | None
    cells: dict[str, int]
    folder: str
    bitstream: str | None = None
    edited: tuple[str, ...] = ()
    untimed: str = ""
    packed: dict[str, int] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """The figures as plain values, for ``--json``."""
        return asdict(self) | {"edited": list(self.edited)}

    def rows(self) -> list[tuple[str, str]]:
        """What a person wants to see, as label and figure."""
        rows = []
        for label, name, used in (
            ("LUTs", "luts", self.luts),
            ("flip-flops", "ffs", self.ffs),
            ("block RAMs", "brams", self.brams),
            ("DSP blocks", "dsps", self.dsps),
        ):
            total = self.available.get(name)
            share = f" of {total} ({100 * used / total:.1f} %)" if total else ""
            rows.append((label, f"{used:g}{share}"))
        if self.fmax_mhz is not None and self.inferences_per_second is not None:
            rows.append(("fmax after place and route", f"{self.fmax_mhz:.1f} MHz"))
            rows.append(("inferences per second at fmax", f"{self.inferences_per_second:,.0f}"))
            rows.append(("critical path", self.critical_path))
            rows += [("not in fmax", self.untimed)] if self.untimed else []
        if self.edited:
            rows.append(("edited since translation", ", ".join(self.edited)))
        return rows

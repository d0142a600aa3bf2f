"""What a plan will take, before synthesis: cycles exactly, hardware as calibrated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from creator.ops import Linear, Multiply, Polynomial, Rescale, Slope
from creator.schedule.area import core_areas
from creator.schedule.device import Device
from creator.schedule.mac_array import MacArray
from creator.schedule.parts import Area
from creator.schedule.plan import Core, Plan
from creator.targets.family import ECP5, Family


@dataclass(frozen=True)
class Estimate:
    """A plan and what each of its cores takes of a family of devices.

    Args:
        plan: the cores.
        family: whose cells are counted.
        areas: of every core, its adapter and its stream register.
        device: what it should fit, if one was chosen.
    """

    plan: Plan
    family: Family
    areas: tuple[Area, ...]
    device: Device | None = None

    @property
    def total(self) -> Area:
        """The area of the whole network."""
        return sum(self.areas, Area())

    def summary(self) -> dict[str, Any]:
        """The figures as plain values, for ``--json``."""
        return {
            "family": self.family.name,
            "target": None if self.device is None else self.device.name,
            "interval": self.plan.interval,
            "latency": self.plan.latency,
            "clock_mhz": self.clock_mhz or None,
            **_counts(self.total),
            "layers": [
                {
                    "name": core.node.name,
                    "from": list(core.node.paths),
                    "lanes": [core.lanes.input, core.lanes.output],
                    "packed": core.lanes.packed,
                    "pipelined": core.lanes.pipelined,
                    "sources": [feed.source for feed in core.feeds],
                    "queues": [feed.depth for feed in core.feeds],
                    "interval": core.interval,
                    "multipliers": multipliers(self.plan, core),
                    **_counts(area),
                }
                for core, area in zip(self.plan.cores, self.areas, strict=True)
            ],
        }

    def text(self) -> str:
        """A table of the cores, one line each, and of the whole."""
        head = ("core", "from", "operation", "shape", "lanes", "cycles", "share", "multipliers", "LUTs", "FFs", "DSPs", "BRAMs")
        rows: list[tuple[str, ...]] = [head]
        for core, area in zip(self.plan.cores, self.areas, strict=True):
            shape = f"{core.input_type.size} -> {core.node.type.size}"
            share = f"{core.interval / self.plan.interval:.0%}"
            names = (core.node.name, core.node.where, core.node.op.name, shape, str(core.lanes))
            rows.append((*names, str(core.interval), share, str(multipliers(self.plan, core)), *_cells(area)))
        each = sum(multipliers(self.plan, core) for core in self.plan.cores)
        rows.append(("total", "", "", "", "", str(self.plan.interval), "", str(each), *_cells(self.total)))
        if self.device is not None:
            held = (self.device.luts, self.device.ffs, self.device.dsps, self.device.brams)
            rows.append((self.device.name, *[""] * 7, *map(str, held)))
        widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines += [
            f"queue before {core.node.name}, from {feed.source}: {feed.depth} beats of {feed.stream_bits} bits"
            for core in self.plan.cores
            for feed in core.feeds
            if feed.words
        ]
        cycles = f"interval {self.plan.interval} cycles, latency {self.plan.latency} cycles"
        lines.append(f"{cycles}; cells estimated for {self.family.name}{self._clock()}")
        return "\n".join(lines) + "\n"

    def __str__(self) -> str:
        return self.text()

    @property
    def clock_mhz(self) -> int:
        """The clock that networks of this size have reached; 0 if that is not known."""
        return 0 if self.total.dsps > self.family.clock_dsps else self.family.clock_mhz

    def _clock(self) -> str:
        mhz = self.clock_mhz
        return f"; clock {mhz} MHz or more, {mhz * 1e6 / self.plan.interval:,.0f} inferences/s" if mhz else ""


def estimate_plan(plan: Plan, device: Device | None = None) -> Estimate:
    """The estimate for ``device``, or without one for ECP5."""
    family = device.family if device else ECP5
    return Estimate(plan, family, tuple(core_areas(plan, family)), device)


def multipliers(plan: Plan, core: Core) -> int:
    """Multipliers of a core, of any width."""
    op = core.node.op
    if isinstance(op, Linear):
        return MacArray(op, core.input_type, plan.graph.intervals[core.node.inputs[0]], core.lanes).multipliers
    if isinstance(op, Multiply):
        return core.lanes.input * math.prod(op.parts(core.input_types))
    if isinstance(op, Polynomial):
        return op.degree * core.lanes.input
    multiplies = (isinstance(op, Rescale) and op.scaling.multiplies) or (isinstance(op, Slope) and len(op.distinct) > 1)
    return core.lanes.input if multiplies else 0


def _counts(area: Area) -> dict[str, float]:
    return {"luts": round(area.luts), "ffs": round(area.ffs), "dsps": area.dsps, "brams": area.brams}


def _cells(area: Area) -> tuple[str, ...]:
    return tuple(f"{count:g}" if count < 1000 else str(count) for count in _counts(area).values())

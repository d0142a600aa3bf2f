"""The devices that a schedule can be made for: what they hold."""

from __future__ import annotations

from dataclasses import dataclass

from creator.errors import CreatorError
from creator.schedule.parts import Area
from creator.targets import FAMILIES, TARGETS, Family

SHARE = 0.8
"""Of a device's resources that a schedule uses at most: beyond that, placing and routing gets hard, and slow designs result."""


@dataclass(frozen=True)
class Device:
    """A device: its family, and what it has of everything."""

    name: str
    family: Family
    luts: int
    ffs: int
    dsps: int
    brams: int

    def lacks(self, area: Area) -> str:
        """What ``area`` takes more of than may be used; empty if it fits."""
        for kind in ("dsps", "brams", "luts", "ffs"):
            needed, there = getattr(area, kind), getattr(self, kind)
            if needed > SHARE * there:
                return f"{needed:.0f} of {there} {kind[:-1].upper()}s of {self.name}, where at most {SHARE:.0%} are used"
        # How many share a cell is not known before synthesis: the bound that none does, and all of the device for it.
        cells = area.luts + area.ffs
        if self.family.one_cell and cells > self.luts:
            return f"up to {cells:.0f} of {self.luts} logic cells of {self.name}"
        return ""


DEVICES = {
    target.name: Device(target.name, FAMILIES[target.family], **target.capacity)
    for target in TARGETS.values()
    # Without weights an estimate would be 0, and everything would fit.
    if target.capacity and FAMILIES[target.family].luts
}


def find_device(name: str) -> Device:
    """The device of that name, or a refusal that lists them."""
    if not isinstance(name, str) or name not in DEVICES:
        fault = "has no calibrated estimates" if isinstance(name, str) and name in TARGETS else "is unknown"
        raise CreatorError(f"target {name!r:.60} {fault}", "schedule", f"choose one of {', '.join(DEVICES)}")
    return DEVICES[name]

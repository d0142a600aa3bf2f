"""What nextpnr needs beside the netlist: pins where it cannot choose them, and a repair of Yosys's netlist for Nexus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from creator.targets import Target

CLOCK = "aclk"

_FEED = {"INIT0": "0xFFFF", "INIT1": "0x00AA", "INJECT": "NO"}
"""The cell with which Yosys begins a carry chain on Nexus. Its carry output does not depend on its carry input."""


def prepare(target: Target, top: str, scratch: Path) -> list[str]:
    """Writes a pin file and repairs ``mapped.json`` in ``scratch``, where the target needs it; returns options for nextpnr."""
    if not target.sites:
        return list(target.free_pins)
    netlist = json.loads((scratch / "mapped.json").read_text())
    module = netlist["modules"][top]
    option, suffix, line = target.pin_file
    pins = zip(_ports(module), target.sites, strict=False)
    text = "".join(line.format(port=port, site=site) + "\n" for port, site in pins)
    (scratch / f"pins.{suffix}").write_text(text)
    if target.open_carry:
        _open_carries(module)
        (scratch / "mapped.json").write_text(json.dumps(netlist))
    return [f"{option}pins.{suffix}"]


def _ports(module: dict[str, Any]) -> list[str]:
    """The ports, bit by bit, the clock first."""
    bits = [
        f"{name}[{index}]" if len(port["bits"]) > 1 else name
        for name, port in module["ports"].items()
        for index in range(len(port["bits"]))
    ]
    return sorted(bits, key=lambda bit: bit != CLOCK)


def _open_carries(module: dict[str, Any]) -> None:
    """Leaves the first carry input of every chain open. Yosys means to but ties it to 0, which nextpnr refuses: yosys #4081."""
    for cell in module["cells"].values():
        if cell["type"] == "CCU2" and {name: cell["parameters"].get(name) for name in _FEED} == _FEED:
            cell["connections"].pop("CIN", None)
            cell["port_directions"].pop("CIN", None)

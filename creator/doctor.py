"""What is installed, what is missing, and how to get it."""

from __future__ import annotations

import importlib.metadata
import sys
from dataclasses import asdict, dataclass
from typing import Any

from creator.errors import CreatorError
from creator.tools import find_ghdl, find_tool


@dataclass(frozen=True)
class Finding:
    """One thing that creator uses.

    Args:
        name: of the program or package.
        found: its version or place; empty if it is missing.
        purpose: what it is for.
        hint: how to get it.
        required: whether translating and simulating need it.
    """

    name: str
    found: str
    purpose: str
    hint: str
    required: bool

    @property
    def text(self) -> str:
        """One line for a person."""
        if self.found:
            return f"{self.found}  ({self.purpose})"
        return f"MISSING, needed {'' if self.required else 'only '}for {self.purpose}; {self.hint}"

    def summary(self) -> dict[str, Any]:
        """Plain values, for ``--json``."""
        return asdict(self)


_PACKAGES = (
    ("numpy", "exact integer arithmetic", True),
    ("jinja2", "rendering VHDL", True),
    ("safetensors", "saved graphs and weights", True),
    ("torch", "training and tracing", True),
    ("cocotb", "simulation with protocol checks", True),
    ("edalize", "export to Vivado and Quartus", False),
)
_TOOLS = (
    ("yosys", "synthesis"),
    ("nextpnr-ecp5", "place and route for ECP5"),
    ("nextpnr-ice40", "place and route for iCE40"),
    ("nextpnr-nexus", "place and route for Nexus"),
    ("nextpnr-himbaechel-gowin", "place and route for Gowin"),
    ("gowin_pack", "bitstreams for Gowin"),
)


def examine() -> list[Finding]:
    """Looks for everything that creator uses."""
    version = ".".join(map(str, sys.version_info[:3]))
    findings = [Finding("python", version, "everything", "", True), _ghdl()]
    for name, purpose, required in _PACKAGES:
        findings.append(Finding(name, _version(name), purpose, f"pip install {name}", required))
    for name, purpose in _TOOLS:
        try:
            found, hint = find_tool(name), ""
        except CreatorError as error:
            found, hint = "", error.hint
        findings.append(Finding(name, found, purpose, hint, required=False))
    return findings


def _ghdl() -> Finding:
    try:
        path, (major, minor) = find_ghdl()
    except CreatorError as error:
        return Finding("ghdl", "", f"simulation and synthesis: {error.what}", error.hint, True)
    return Finding("ghdl", f"{major}.{minor} at {path}", "simulation and synthesis", "", True)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""

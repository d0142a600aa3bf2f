"""What a project is made for: part and clock, checked, because both reach scripts."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from numbers import Real

from creator.errors import CreatorError

VIVADO_PART = re.compile(r"x[acq][0-9a-z]+(-[0-9a-z]+)+", re.ASCII | re.IGNORECASE)
QUARTUS_PART = re.compile(r"[0-9a-z]{8,24}", re.ASCII | re.IGNORECASE)

QUARTUS_FAMILIES = {
    "EP4CE": "Cyclone IV E",
    "EP4CGX": "Cyclone IV GX",
    "5C": "Cyclone V",
    "5A": "Arria V",
    "5S": "Stratix V",
    "10M": "MAX 10",
    "10CL": "Cyclone 10 LP",
    "10CX": "Cyclone 10 GX",
    "10A": "Arria 10",
    "1S": "Stratix 10",
    "AGF": "Agilex 7",
    "AGI": "Agilex 7",
    "A5E": "Agilex 5",
}
"""Families by the first characters of their parts; Quartus wants both, and refuses a part of another family."""

DEFAULT_PARTS = {"vivado": "xc7a35tcsg324-1", "quartus": "5CSEMA5F31C6", "fusesoc": "xc7a35tcsg324-1"}

OUT_OF_CONTEXT = """# The streams are more pins than a package has, and meet logic, not pads.
set_property -name {STEPS.SYNTH_DESIGN.ARGS.MORE OPTIONS} -value {-mode out_of_context} -objects [get_runs synth_1]
"""

SLOWEST_MHZ, FASTEST_MHZ = 0.001, 2000.0


@dataclass(frozen=True)
class Options:
    """Checked options.

    Args:
        part: the device.
        family: its family, for Quartus; else empty.
        clock_mhz: the clock that is asked for.
    """

    part: str
    family: str
    clock_mhz: float

    @property
    def period_ns(self) -> str:
        """The clock's period, rounded down to whole picoseconds: never slower than asked."""
        picoseconds = math.floor(Fraction(10**6) / Fraction(str(self.clock_mhz)))
        return f"{picoseconds // 1000}.{picoseconds % 1000:03d}"


def clock_constraint(options: Options) -> str:
    """The clock for Vivado, and the line of Quartus's constraints that is the same."""
    return f"create_clock -name aclk -period {options.period_ns} [get_ports aclk]\n"


def check_options(tool: str, part: str | None, clock_mhz: float) -> Options:
    """Refuses a part that cannot be one of the tool's, and a number that is no clock frequency."""
    name = DEFAULT_PARTS[tool] if part is None else part
    pattern = QUARTUS_PART if tool == "quartus" else VIVADO_PART
    example = f"for example {DEFAULT_PARTS[tool]}"
    if not isinstance(name, str) or len(name) > 40 or not pattern.fullmatch(name):
        raise CreatorError(f"{name!r:.60} is not a part for {tool}", "part", example)
    number = isinstance(clock_mhz, Real) and not isinstance(clock_mhz, bool)
    if not number or not SLOWEST_MHZ <= clock_mhz <= FASTEST_MHZ:
        allowed = f"between {SLOWEST_MHZ:g} and {FASTEST_MHZ:g} MHz"
        raise CreatorError(f"{clock_mhz!r:.60} is not a clock frequency in MHz", "clock_mhz", allowed)
    return Options(name, _family(name) if tool == "quartus" else "", float(clock_mhz))


def _family(part: str) -> str:
    prefixes = sorted(QUARTUS_FAMILIES, key=len, reverse=True)
    prefix = next((prefix for prefix in prefixes if part.upper().startswith(prefix)), None)
    if prefix is None:
        raise CreatorError(f"the family of {part} is unknown", "part", f"parts begin with {', '.join(QUARTUS_FAMILIES)}")
    return QUARTUS_FAMILIES[prefix]

"""The devices that synthesis knows."""

from __future__ import annotations

from dataclasses import dataclass

from creator.errors import CreatorError


@dataclass(frozen=True)
class Target:
    """A device, or a family for which only resources are counted.

    Args:
        name: as on the command line.
        synth: the Yosys script that maps to it.
        router: the nextpnr program, or ``None``: no place and route.
        device: nextpnr's arguments that choose device, speed grade and package.
        config: nextpnr's option that writes the configuration, and the file's suffix.
        packer: the program that makes a bitstream of it.
        pins: user pins of the package; 0 without place and route.
        aim_mhz: clock that nextpnr is asked for; more than it can reach makes it try hard.
        luts, ffs, brams, dsps: cells of each kind, as Yosys counts them, and how many units each is.
        used: for the first of these names that nextpnr's report has, its count replaces Yosys's for LUTs.
        packs: whether registers move into multipliers and memories before place and route; see ``pack_registers``.
    """

    name: str
    synth: str
    router: str | None
    device: tuple[str, ...]
    config: tuple[str, str]
    packer: str | None
    pins: int
    aim_mhz: int
    luts: dict[str, int]
    ffs: tuple[str, ...]
    brams: dict[str, float]
    dsps: tuple[str, ...]
    used: str = ""
    packs: bool = False


def _ecp5(size: str) -> Target:
    return Target(
        name=f"ecp5-{size}",
        synth="synth_ecp5",
        router="nextpnr-ecp5",
        device=(f"--{size}", "--speed", "6", "--package", "CABGA381"),
        config=("--textcfg", "config"),
        packer="ecppack",
        pins=197,
        aim_mhz=200,
        # A distributed RAM takes four LUTs for data and two for its write port's part of the slice.
        luts={"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6},
        ffs=("TRELLIS_FF",),
        brams={"DP16KD": 1},
        dsps=("MULT18X18D",),
        used="TRELLIS_COMB",
        packs=True,
    )


_ICE40_UP5K = Target(
    name="ice40-up5k",
    synth="synth_ice40 -device u -dsp",
    router="nextpnr-ice40",
    device=("--up5k", "--package", "sg48"),
    config=("--asc", "asc"),
    packer="icepack",
    pins=39,
    aim_mhz=50,
    luts={"SB_LUT4": 1},
    ffs=("SB_DFF",),
    brams={"SB_RAM40_4K": 1},
    dsps=("SB_MAC16",),
    used="ICESTORM_LC",
)

_XC7 = Target(
    name="xc7",
    synth="synth_xilinx -family xc7 -flatten -noiopad",
    router=None,
    device=(),
    config=("", ""),
    packer=None,
    pins=0,
    aim_mhz=0,
    luts={f"LUT{n}": 1 for n in range(1, 7)}
    | {"RAM32M": 4, "RAM64M": 4, "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4, "RAM32M16": 8, "RAM64M8": 8, "RAM16X1D": 2}
    | {"SRL16E": 1, "SRLC32E": 1, "INV": 1},
    ffs=("FDRE", "FDSE", "FDCE", "FDPE"),
    brams={"RAMB18E1": 0.5, "RAMB36E1": 1},
    dsps=("DSP48E1",),
)

TARGETS = {target.name: target for target in (_ecp5("25k"), _ecp5("45k"), _ecp5("85k"), _ICE40_UP5K, _XC7)}


def find_target(name: str) -> Target:
    """The target of that name, or a refusal that lists them."""
    if not isinstance(name, str) or name not in TARGETS:
        raise CreatorError(f"target {name!r} is unknown", "synthesize", f"choose one of {', '.join(TARGETS)}")
    return TARGETS[name]

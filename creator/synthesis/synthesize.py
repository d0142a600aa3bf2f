"""``creator.synthesize``: GHDL makes Verilog of the VHDL, Yosys maps it, nextpnr places and routes it."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from creator.build_folder import BuildFolder
from creator.disk import scratch_folder, write_file
from creator.errors import CreatorError, as_output_file
from creator.render.fileset import FileSet
from creator.simulation.job import STANDARD, compile_design, first_error
from creator.synthesis.nextpnr import prepare
from creator.synthesis.pack_registers import pack_registers
from creator.synthesis.report import Report
from creator.synthesis.rom_files import with_rom_files
from creator.targets import Target, find_target
from creator.tools import find_tool, run_tool

Progress = Callable[[str], None]

STREAM_PINS = 8
"""Clock, reset, and valid, ready and last on both sides; the data come on top."""

MAX_SEEDS = 100

WRITTEN = ("creator_ram", "creator_ring")


def synthesize(
    build: str | os.PathLike[str],
    target: str = "ecp5-25k",
    *,
    route: bool = True,
    seeds: int = 1,
    bitstream: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Synthesizes the VHDL of a build folder and, where the target has a router, places and routes it.

    Args:
        build: folder that ``design.write`` made.
        target: ``ecp5-25k``, ``ecp5-45k``, ``ecp5-85k``, ``ice40-up5k``, ``lifcl-40``, ``gw1n-9c``, ``gw2a-18c``, or, for
            resources only, ``xc7``, ``xc7a35t``, ``xc7a100t``.
        route: whether to place and route; without, only resources are reported, as Yosys counts them.
        seeds: so many times to place and route, each from another seed; the fastest stays. One seed differs from the next by
            about a tenth of the clock.
        bitstream: file to write a bitstream to. Pins are then wherever the router put them.
        progress: called with a line as each step begins.

    Returns:
        The report, which is also in ``<build>/synthesis/<target>/report.json``, beside the tools' logs.

    Raises:
        CreatorError: for bad input, for missing tools, and for a latch, a combinational loop or a net with several drivers.
    """
    device = find_target(target)
    if type(seeds) is not int or not 1 <= seeds <= MAX_SEEDS:
        raise CreatorError(f"seeds={seeds!r:.60} is not a number from 1 to {MAX_SEEDS}", "synthesize")
    if not route:
        if bitstream is not None:
            raise CreatorError("a bitstream needs place and route", "synthesize", "leave route=False out")
        device = dataclasses.replace(device, router=None)
    folder = BuildFolder.open(build)
    if device.router:
        _check_pins(folder, device)
    output = _bitstream_file(bitstream, device)
    programs = ["yosys", device.router, device.packer if output else None]
    tools = {name: find_tool(name) for name in programs if name}
    with scratch_folder() as scratch:
        flow = _Flow(folder, device, scratch, tools, progress or (lambda _: None), seeds)
        return flow.run(output)


def _check_pins(build: BuildFolder, target: Target) -> None:
    needed = STREAM_PINS + int(build.manifest["input"]["beat_bits"]) + int(build.manifest["output"]["beat_bits"])
    if target.pins and needed > target.pins:
        raise CreatorError(
            f"the network's streams need {needed} pins, {target.name} has {target.pins}",
            str(build.path),
            "use narrower input and output formats, or a larger device",
        )


def _bitstream_file(bitstream: str | os.PathLike[str] | None, target: Target) -> Path | None:
    if bitstream is None:
        return None
    if target.packer is None:
        raise CreatorError(f"there is no bitstream for {target.name}", hint="choose a target with place and route")
    return as_output_file(bitstream)


class _Flow:
    """One run, in a scratch folder: the tools from PyPI see only the folder that they are started in."""

    def __init__(
        self, build: BuildFolder, target: Target, scratch: Path, tools: dict[str, str], progress: Progress, seeds: int = 1
    ) -> None:
        self.seeds = seeds
        self.build = build
        self.target = target
        self.scratch = scratch
        self.tools = tools
        self.progress = progress

    def run(self, bitstream: Path | None) -> Report:
        self._verilog()
        cells = self._yosys()
        packed = self._pack_registers(cells) if self.target.packs else {}
        routed = self._route() if self.target.router else {}
        if bitstream is not None:
            self._pack(bitstream)
        report = self._report(cells, packed, routed, bitstream)
        self._keep(report)
        return report

    def _step(self, title: str, command: list[str], log: str) -> str:
        self.progress(title)
        status, text = run_tool(command, self.scratch)
        (self.scratch / log).write_text(text)
        if status:
            raise CreatorError(
                f"{Path(command[0]).name} failed: {first_error(text)}", str(self.build.path), self._log_hint(log)
            )
        return text

    def _log_hint(self, log: str) -> str:
        folder = self._folder().with_name(f"{self.target.name}.failed")
        try:
            self._keep_files(folder, {}, "network.v", log)
        except CreatorError as error:  # the tool's fault is what the user has to hear of
            return f"its log is not kept: {error.what}"
        return f"the whole log is in {folder / log}"

    def _keep_files(self, folder: Path, more: dict[str, bytes], *names: str) -> None:
        """Makes ``folder`` of the files that there are, the contents of the ROMs, and ``more``; in place of an old one."""
        files = FileSet()
        for path in (*(self.scratch / name for name in names), *sorted(self.scratch.glob("*.mem"))):
            if path.is_file():
                files.add(path.name, path.read_bytes())
        for name, content in more.items():
            files.add(name, content)
        files.replace(folder)

    def _folder(self) -> Path:
        return self.build.path / "synthesis" / self.target.name

    def _verilog(self) -> None:
        self.progress("GHDL: VHDL to Verilog")
        ghdl = compile_design(self.build, self.scratch)
        command = [ghdl, "--synth", *STANDARD, "--out=verilog", self.build.top]
        status, notes = run_tool(command, self.scratch, output=self.scratch / "network.v")
        (self.scratch / "ghdl.log").write_text(notes)
        _refuse(notes, r"(?i)latch inf?err?ed", "a latch", self.build)
        _refuse(notes, r"multiple assignments", "a net with several drivers", self.build)
        if status:
            raise CreatorError(
                f"GHDL cannot synthesize: {first_error(notes)}", str(self.build.path), self._log_hint("ghdl.log")
            )
        # GHDL 2.0 replaces a latch, and a signal without a driver, by undefined bits: silently, with exit status 0.
        verilog = with_wide_constants((self.scratch / "network.v").read_text())
        verilog, contents = with_rom_files(verilog)
        for name, text in (contents | {"network.v": verilog}).items():
            (self.scratch / name).write_text(text)
        _refuse(verilog, r"=\s*\d+'b[01]*[XxZz]", "a latch or an undriven signal", self.build)

    def _yosys(self) -> dict[str, int]:
        top = self.build.top
        # GHDL's Verilog does not carry the attribute rom_style of these memories.
        styles = {"block_roms": 'ram_style "block"', "logic_roms": 'rom_style "logic"'}
        block = "".join(
            f"setattr -set {style} {name}/m:*\n" for key, style in styles.items() for name in self.build.manifest[key]
        )
        # Else Yosys builds logic for a word that is read while it is written; of that these memories promise nothing.
        sources = self.build.manifest["sources"]
        memories = [name for name in WRITTEN if f"vhdl/{name}.vhd" in sources]
        written = "".join([f"setattr -set no_rw_check 1 {name}_*/m:*\n" for name in memories])
        script = f"""read_verilog network.v
hierarchy -check -top {top}
{block}{written}proc
check -assert
select -assert-none t:$dlatch t:$adlatch t:$dlatchsr
{self.target.script(top)}
check -assert
tee -o stat.json stat -json
write_json mapped.json
"""
        (self.scratch / "synthesize.ys").write_text(script)
        self.progress(f"Yosys: {self.target.synth.split()[0]}")
        status, text = run_tool([self.tools["yosys"], "-q", "-s", "synthesize.ys"], self.scratch)
        (self.scratch / "yosys.log").write_text(text)
        _refuse(text, r"found logic loop|combinatorial loop", "a combinational loop", self.build)
        _refuse(text, r"multiple conflicting drivers", "a net with several drivers", self.build)
        _refuse(text, r"(?i)latch inferred|selection is not empty", "a latch", self.build)
        if status:
            raise CreatorError(f"Yosys failed: {first_error(text)}", str(self.build.path), self._log_hint("yosys.log"))
        modules = json.loads((self.scratch / "stat.json").read_text())["modules"]
        counts: dict[str, int] = modules[f"\\{top}"]["num_cells_by_type"]
        return {name: count for name, count in sorted(counts.items()) if not name.startswith("$")}

    def _pack_registers(self, cells: dict[str, int]) -> dict[str, int]:
        """Moves flip-flops into multipliers and memories, and takes them from ``cells``."""
        path = self.scratch / "mapped.json"
        netlist = json.loads(path.read_text())
        packed = pack_registers(netlist, self.build.top)
        path.write_text(json.dumps(netlist))
        gone = packed["flip-flops"]
        if gone:
            cells["TRELLIS_FF"] -= gone
        return packed

    def _route(self) -> dict[str, Any]:
        """Places and routes from each seed; the report, the configuration and the log that stay are those of the fastest."""
        options = prepare(self.target, self.build.top, self.scratch)
        results = ("routed.json", f"network.{self.target.config[1]}", "nextpnr.log")
        best: dict[str, Any] = {}
        for seed in range(1, self.seeds + 1):
            found = self._route_once(seed, options)
            if not best or _fmax(found) > _fmax(best):
                best = found
                for name in results if self.seeds > 1 else ():
                    shutil.copy(self.scratch / name, self.scratch / f"best.{name}")
        for name in results if self.seeds > 1 else ():
            (self.scratch / f"best.{name}").replace(self.scratch / name)
        return best

    def _route_once(self, seed: int, options: list[str]) -> dict[str, Any]:
        option, suffix = self.target.config
        command = [
            self.tools[str(self.target.router)],
            *self.target.device,
            *("--json", "mapped.json", "--report", "routed.json", option, f"network.{suffix}"),
            *("--freq", str(self.target.aim_mhz), "--timing-allow-fail", "--seed", str(seed)),
            *options,
        ]
        counted = f", {seed} of {self.seeds}" if self.seeds > 1 else ""
        self._step(f"{self.target.router}: place and route{counted}", command, "nextpnr.log")
        return dict(json.loads((self.scratch / "routed.json").read_text())) | {"seed": seed}

    def _pack(self, bitstream: Path) -> None:
        packer = str(self.target.packer)
        self._step(f"{packer}: bitstream", [self.tools[packer], *self.target.pack], f"{packer}.log")
        write_file(bitstream, (self.scratch / "network.bit").read_bytes())

    def _report(self, cells: dict[str, int], packed: dict[str, int], routed: dict[str, Any], bitstream: Path | None) -> Report:
        target, used = self.target, routed.get("utilization", {})
        luts = sum(count * target.luts.get(name, 0) for name, count in cells.items())
        fmax = _fmax(routed) if routed.get("fmax") else None
        return Report(
            target=target.name,
            luts=sum(int(used[name]["used"]) * units for name, units in target.used.items()) if used else luts,
            ffs=sum(count for name, count in cells.items() if name.startswith(target.ffs)),
            brams=sum(count * target.brams.get(name, 0) for name, count in cells.items()),
            dsps=math.ceil(sum(cells.get(name, 0) * units for name, units in target.dsps.items())),
            fmax_mhz=fmax,
            inferences_per_second=None if fmax is None else fmax * 1e6 / int(self.build.manifest["interval"]),
            critical_path=_critical_path(routed, self.build),
            available={label: int(used[name]["available"]) for label, name in target.places.items() if name in used}
            or dict(target.capacity),
            seed=routed.get("seed"),
            cells=cells,
            packed=packed,
            folder=str(self._folder()),
            bitstream=None if bitstream is None else str(bitstream),
            edited=self.build.edited(),
            untimed=target.untimed,
        )

    def _keep(self, report: Report) -> None:
        text = json.dumps(report.summary(), indent=2) + "\n"
        names = ("network.v", "ghdl.log", "yosys.log", "nextpnr.log", "synthesize.ys", "routed.json")
        self._keep_files(self._folder(), {"report.json": text.encode()}, *names)


def _fmax(routed: dict[str, Any]) -> float:
    """The clock in nextpnr's report, in MHz; 0 if it has none."""
    return next((float(clock["achieved"]) for clock in routed.get("fmax", {}).values()), 0.0)


def with_wide_constants(verilog: str) -> str:
    """GHDL's Verilog with its constants of more than 32 bits as numbers: GHDL 2.0 writes them between quotation marks, which
    makes them strings of characters in Verilog, of eight bits each. Nothing warns of it."""
    return re.sub(r'"([01]+)"', lambda found: f"{len(found[1])}'b{found[1]}", verilog)


def _refuse(text: str, pattern: str, fault: str, build: BuildFolder) -> None:
    found = next((line for line in text.splitlines() if re.search(pattern, line)), None)
    if found is not None:
        raise CreatorError(
            f"the VHDL has {fault}: {found.strip()}", str(build.path), "it was edited, or this is a defect of creator"
        )


def _critical_path(routed: dict[str, Any], build: BuildFolder) -> str:
    """From where to where the slowest path between registers runs: layer and part."""
    paths = [
        path
        for path in routed.get("critical_paths", [])
        if path.get("from", "").startswith("posedge") and path.get("from") == path.get("to")
    ]
    if not paths:
        return ""
    steps = paths[0]["path"]
    ends = [_part(steps[0]["from"]["cell"], build), _part(steps[-1]["to"]["cell"], build)]
    delay = sum(step["delay"] for step in steps)
    return f"{' to '.join(dict.fromkeys(ends))}, {delay:.2f} ns"


def _part(cell: str, build: BuildFolder) -> str:
    _, _, inside = cell.partition("network.")
    core, _, rest = inside.partition(".")
    layer = next((layer for layer in build.manifest["layers"] if core == layer["label"]), None)
    if layer is None:
        return "the network"
    part = rest.split(".")[0] if "." in rest else "control"
    return f"{' + '.join(layer['from']) or layer['name']} ({part})"

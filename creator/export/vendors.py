"""Vivado's and Quartus's project scripts, which edalize writes, and the files beside them that it does not know."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from creator.build_folder import BuildFolder
from creator.disk import scratch_folder
from creator.errors import CreatorError
from creator.export.options import OUT_OF_CONTEXT, Options, clock_constraint

VHDL = "vhdlSource-2008"
HANDSHAKE = ("aresetn", "s_axis_tvalid", "s_axis_tready", "s_axis_tlast", "m_axis_tvalid", "m_axis_tready", "m_axis_tlast")


def vivado_files(build: BuildFolder, options: Options) -> dict[str, str]:
    """The project script, the clock's constraint, the script for out-of-context synthesis, and one that runs it."""
    from edalize.flows.vivado import Vivado

    top = build.top
    extra = [{"name": f"{top}.xdc", "file_type": "xdc"}, {"name": "out_of_context.tcl", "file_type": "tclSource"}]
    edam = _edam(build, extra) | {"flow_options": {"part": options.part}}
    return {
        f"{top}.tcl": _configured(lambda folder: Vivado(edam, folder), f"{top}.tcl"),
        f"{top}.xdc": clock_constraint(options),
        "out_of_context.tcl": OUT_OF_CONTEXT,
        "run.tcl": f"""# Synthesis, place and route of the project that {top}.tcl makes; then two reports.
open_project {top}.xpr
launch_runs impl_1 -to_step route_design
wait_on_run impl_1
if {{![string match "route_design Complete*" [get_property STATUS [get_runs impl_1]]]}} {{
  puts "ERROR: place and route failed"
  exit 1
}}
open_run impl_1
report_utilization -file utilization.rpt
report_timing_summary -file timing.rpt
""",
    }


def quartus_files(build: BuildFolder, options: Options) -> dict[str, str]:
    """The project script, the clock's constraint, and the script that makes the streams virtual pins."""
    from edalize.quartus import Quartus

    top = build.top
    extra = [{"name": f"{top}.sdc", "file_type": "SDC"}, {"name": "virtual_pins.tcl", "file_type": "tclSource"}]
    edam = _edam(build, extra) | {"tool_options": {"quartus": {"family": options.family, "device": options.part}}}
    pins = "".join(f"set_instance_assignment -name VIRTUAL_PIN ON -to {{{port}}}\n" for port in _ports(build))
    return {
        f"{top}.tcl": _configured(lambda folder: Quartus(edam, folder), f"{top}.tcl"),
        f"{top}.sdc": clock_constraint(options) + "derive_clock_uncertainty\n",
        "virtual_pins.tcl": f"# The streams meet logic, not pads. The clock keeps its pin.\n{pins}",
    }


def _ports(build: BuildFolder) -> Iterator[str]:
    yield from HANDSHAKE
    for side, port in (("input", "s_axis_tdata"), ("output", "m_axis_tdata")):
        yield from (f"{port}[{bit}]" for bit in range(int(build.manifest[side]["beat_bits"])))


def _edam(build: BuildFolder, extra: list[dict[str, str]]) -> dict[str, Any]:
    sources = [{"name": name, "file_type": VHDL} for name in build.sources]
    return {"name": build.top, "toplevel": build.top, "files": sources + extra}


def _configured(backend: Callable[[str], Any], script: str) -> str:
    """The script that edalize's backend writes. Its makefiles go on to a bitstream, which such a project cannot have."""
    with scratch_folder() as scratch, _quiet():
        backend(str(scratch)).configure()
        text = (scratch / script).read_text()
    lines = (line.rstrip() for line in text.splitlines())
    return "\n".join(line for line in lines if line) + "\n"


@contextmanager
def _quiet() -> Iterator[None]:
    """Without edalize's warnings, among them that it finds no Quartus."""
    logger = logging.getLogger("edalize")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def check_installed() -> None:
    """Refuses if edalize is missing."""
    try:
        import edalize  # noqa: F401
    except ImportError:
        raise CreatorError("edalize is not installed", "export", "pip install 'creator[export]'") from None

"""A FuseSoC core file: CAPI2, which is YAML. Only names and numbers that were checked are put into it."""

from __future__ import annotations

from creator.build_folder import BuildFolder
from creator.export.options import OUT_OF_CONTEXT, Options, clock_constraint


def fusesoc_files(build: BuildFolder, options: Options) -> dict[str, str]:
    """The core file, the clock's constraint, and the script for out-of-context synthesis."""
    top = build.top
    return {f"{top}.core": _core(build, options), f"{top}.xdc": clock_constraint(options), "out_of_context.tcl": OUT_OF_CONTEXT}


def _core(build: BuildFolder, options: Options) -> str:
    # The simulation uses edalize's older interface: the newer one gives GHDL no generics.
    sources = "".join(f"      - {name}\n" for name in build.sources)
    top, bench = build.top, build.manifest["bench"]
    return f"""CAPI=2:
name: creator:network:{top}:1.0.0
description: A network with AXI4-Stream interfaces, made by creator

filesets:
  rtl:
    files:
{sources}    file_type: vhdlSource-2008
  bench:
    files:
      - {build.bench}
    file_type: vhdlSource-2008
  constraints:
    files:
      - {top}.xdc: {{file_type: xdc}}
      - out_of_context.tcl: {{file_type: tclSource}}

targets:
  default: &default
    filesets: [rtl]
    toplevel: {top}

  sim:
    <<: *default
    description: Run the file bench over vectors
    default_tool: ghdl
    filesets: [rtl, bench]
    toplevel: {bench}
    parameters: [vectors, results, beats, profile, seed]
    tools:
      ghdl:
        run_options: [--ieee-asserts=disable]

  synth:
    <<: *default
    description: Synthesize with Vivado, out of context
    flow: vivado
    flow_options:
      part: {options.part}
      pnr: none
    filesets: [rtl, constraints]

parameters:
  vectors:
    datatype: str
    description: File of input beats, a line each, tlast and tdata in binary
    paramtype: generic
  results:
    datatype: str
    description: File that the bench writes
    paramtype: generic
  beats:
    datatype: int
    description: Output beats to wait for
    paramtype: generic
  profile:
    datatype: int
    default: 0
    description: When both sides pause; 0 for full speed, 1 for half of the cycles, at random
    paramtype: generic
  seed:
    datatype: int
    default: 0
    description: Of what is random about the pauses
    paramtype: generic
"""

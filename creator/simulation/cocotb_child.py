"""The child process that calls cocotb's runner, in a folder with a ``job.json`` and the analysed design."""

from __future__ import annotations

import json
import os
from pathlib import Path

from cocotb_tools.runner import get_runner


def main() -> None:
    """Runs the one test of ``sim/cocotb_bench.py``; its outcome is in ``results.xml``."""
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    folder = Path.cwd()
    job = json.loads((folder / "job.json").read_text())
    get_runner("ghdl").test(
        test_module="cocotb_bench",
        hdl_toplevel=job["top"],
        hdl_toplevel_library="work",
        hdl_toplevel_lang="vhdl",
        build_dir=folder,
        test_dir=folder,
        test_args=job["std"],
        plusargs=job["plusargs"],
        results_xml=str(folder / "results.xml"),
        extra_env={"CREATOR_JOB": str(folder / "job.json"), "COCOTB_LOG_LEVEL": "WARNING"},
    )


if __name__ == "__main__":
    main()

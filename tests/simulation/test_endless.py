"""A network that never stops sending cannot keep a simulation running."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import creator
from creator import CreatorError


@pytest.mark.parametrize("bench", ["cocotb", "vhdl"])
def test_endless_output_ends_the_run(small_build: Path, edit: Callable[..., None], bench: str) -> None:
    edit("vhdl/network_top.vhd", "out_valid => m_axis_tvalid", "out_valid => open")
    edit("vhdl/network_top.vhd", "  reset <= not aresetn;", "  reset <= not aresetn;\n  m_axis_tvalid <= aresetn;")
    with pytest.raises(CreatorError, match=r"tlast|undefined bits|more than planned|expected 256 output beats"):
        creator.simulate(small_build, bench=bench)


@pytest.mark.parametrize("bench", ["cocotb", "vhdl"])
def test_a_network_that_hangs_before_the_reset_ends_the_run(small_build: Path, edit: Callable[..., None], bench: str) -> None:
    edit("vhdl/network_top.vhd", "in_ready  => s_axis_tready", "in_ready  => open")
    edit("vhdl/network_top.vhd", "  reset <= not aresetn;", "  reset <= not aresetn;\n  s_axis_tready <= '0';")
    with pytest.raises(CreatorError, match=r"from 64 samples, got \d+ from 0|the bench failed|tlast|out of place"):
        creator.simulate(small_build, bench=bench, interrupt=3)

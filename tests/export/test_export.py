"""Exported projects: scripts run in a Tcl interpreter, FuseSoC reads the core, and GHDL compiles exactly their lists."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import creator
from creator import CreatorError
from creator.build_folder import BuildFolder
from creator.export import TOOLS, Project
from tests.export.tcl import VIVADO, run_tcl

TOP = "network_top"


def export(build: Path, folder: Path, tool: str, **options: Any) -> Project:
    return creator.export_project(build, folder, tool=tool, **options)


def elaborate(folder: Path, sources: list[str], unit: str, work: Path) -> None:
    """GHDL analyses these files of the project in this order and elaborates the unit."""
    work.mkdir()
    for command in (["-a", *(str(folder / name) for name in sources)], ["-e", unit]):
        done = subprocess.run(
            ["ghdl", command[0], "--std=08", *command[1:]], cwd=work, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def called(calls: list[list[str]], name: str) -> list[list[str]]:
    return [call[1:] for call in calls if call[0] == name]


def test_the_vivado_project_lists_what_ghdl_elaborates(small_build: Path, tmp_path: Path) -> None:
    project = export(small_build, tmp_path / "p", "vivado", part="xczu7ev-ffvc1156-2-e", clock_mhz=150)
    folder = tmp_path / "p"
    calls = run_tcl(folder, project.start, VIVADO)
    files = called(calls, "read_vhdl")
    assert all(options == ["-vhdl2008"] for *options, _ in files)
    sources = [name for *_, name in files]
    assert sources == list(project.sources) == BuildFolder.open(small_build).sources
    assert all((folder / name).read_bytes() == (small_build / name).read_bytes() for name in sources)
    assert called(calls, "read_xdc") == [[f"{TOP}.xdc"]]
    assert ["part", "xczu7ev-ffvc1156-2-e", "<current_project>"] in called(calls, "set_property")
    assert ["top", TOP, "<current_fileset>"] in called(calls, "set_property")
    more = "STEPS.SYNTH_DESIGN.ARGS.MORE OPTIONS"
    value = ["-name", more, "-value", "-mode out_of_context", "-objects", "<get_runs synth_1>"]
    assert value in called(calls, "set_property")
    elaborate(folder, sources, TOP, tmp_path / "work")
    assert called(run_tcl(folder, f"{TOP}.xdc", VIVADO), "create_clock") == [
        ["-name", "aclk", "-period", "6.666", "<get_ports aclk>"]
    ]


def test_the_vivado_run_script_routes_and_reports_or_fails(small_build: Path, tmp_path: Path) -> None:
    export(small_build, tmp_path / "p", "vivado")
    calls = run_tcl(tmp_path / "p", "run.tcl", VIVADO, STATUS="route_design Complete, Failed Timing!")
    assert called(calls, "open_project") == [[f"{TOP}.xpr"]]
    assert called(calls, "launch_runs") == [["impl_1", "-to_step", "route_design"]]
    assert len(called(calls, "report_timing_summary")) == len(called(calls, "report_utilization")) == 1
    assert called(calls, "exit") == []
    failed = run_tcl(tmp_path / "p", "run.tcl", VIVADO, STATUS="synth_design ERROR")
    assert called(failed, "exit") == [["1"]]


def test_the_quartus_project_lists_what_ghdl_elaborates(small_build: Path, tmp_path: Path) -> None:
    project = export(small_build, tmp_path / "p", "quartus", part="10CL025YU256C8G", clock_mhz=80.0)
    folder = tmp_path / "p"
    calls = run_tcl(folder, project.start, "project_new set_global_assignment set_instance_assignment")
    settings = [(call[1], call[2]) for call in called(calls, "set_global_assignment")]
    assert all(call[0] == "-name" and len(call) == 3 for call in called(calls, "set_global_assignment"))
    assert {("FAMILY", "Cyclone 10 LP"), ("DEVICE", "10CL025YU256C8G"), ("TOP_LEVEL_ENTITY", TOP)} <= set(settings)
    assert ("VHDL_INPUT_VERSION", "VHDL_2008") in settings
    assert ("SDC_FILE", f"{TOP}.sdc") in settings
    sources = [name for kind, name in settings if kind == "VHDL_FILE"]
    assert sources == list(project.sources)
    elaborate(folder, sources, TOP, tmp_path / "work")
    clock = run_tcl(folder, f"{TOP}.sdc", "create_clock get_ports derive_clock_uncertainty")
    assert called(clock, "create_clock") == [["-name", "aclk", "-period", "12.500", "<get_ports aclk>"]]
    pins = called(calls, "set_instance_assignment")
    assert all(pin[:4] == ["-name", "VIRTUAL_PIN", "ON", "-to"] for pin in pins)
    assert sorted(pin[4] for pin in pins) == sorted(ports(folder / "vhdl" / f"{TOP}.vhd") - {"aclk"})


def ports(top: Path) -> set[str]:
    """The ports of the top entity, bit by bit, from its text."""
    text = top.read_text().split("port (")[1].split("end entity")[0]
    found = set()
    for name, width in re.findall(r"(\w+)\s*: (?:in |out) std_logic(?:_vector\((\d+) downto 0\))?", text):
        found |= {f"{name}[{bit}]" for bit in range(int(width) + 1)} if width else {name}
    assert len(found) == 8 + 2 * 8
    return found


def test_the_core_has_what_capi2_needs(small_build: Path, tmp_path: Path) -> None:
    project = export(small_build, tmp_path / "p", "fusesoc", part="xc7k70tfbg484-2")
    text = (tmp_path / "p" / project.start).read_text()
    assert text.startswith("CAPI=2:\n")
    core = yaml.safe_load(text.split("\n", 1)[1])
    assert re.fullmatch(r"[^:]+:[^:]+:[^:]+:\d+\.\d+\.\d+", core["name"])
    assert set(core["targets"]) == {"default", "sim", "synth"}
    for target in core["targets"].values():
        assert set(target["filesets"]) <= set(core["filesets"])
        assert target["toplevel"] in (TOP, "network_file_bench")
        assert set(target.get("parameters", [])) <= set(core["parameters"])
    assert core["targets"]["synth"]["flow_options"]["part"] == "xc7k70tfbg484-2"
    sources = core["filesets"]["rtl"]["files"]
    assert sources == list(project.sources)
    assert all(core["filesets"][name]["file_type"] == "vhdlSource-2008" for name in ("rtl", "bench"))
    elaborate(tmp_path / "p", sources, TOP, tmp_path / "work")


def fusesoc(work: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "fusesoc.main", "--cores-root", str(work / "p"), "run", *arguments]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_fusesoc_simulates_the_core_bit_for_bit(small_build: Path, small_graph: creator.Graph, tmp_path: Path) -> None:
    export(small_build, tmp_path / "p", "fusesoc")
    x = np.random.default_rng(3).integers(-128, 128, (5, 6))
    beats = [f"{int(place == 5)} {code & 255:08b}" for row in x.tolist() for place, code in enumerate(row)]
    (tmp_path / "vectors.txt").write_text("\n".join(beats) + "\n")
    files = [f"--{name}={tmp_path / name}.txt" for name in ("vectors", "results")]
    fusesoc(tmp_path, "--target", "sim", f"creator:network:{TOP}", *files, "--beats=20")
    lines = [line.split() for line in (tmp_path / "results.txt").read_text().splitlines()]
    found = [int(bits, 2) - 256 * int(bits[0]) for kind, *_, bits in lines if kind == "out"]
    assert len(found) == 20
    assert found == small_graph.run(x).ravel().tolist()


def test_fusesoc_sets_up_the_synthesis_target(small_build: Path, tmp_path: Path) -> None:
    export(small_build, tmp_path / "p", "fusesoc", part="xc7k70tfbg484-2")
    fusesoc(tmp_path, "--setup", "--target", "synth", f"creator:network:{TOP}")
    (script,) = [path for path in tmp_path.rglob("*.tcl") if "create_project" in path.read_text()]
    text = script.read_text()
    assert "set_property part xc7k70tfbg484-2" in text
    assert "out_of_context.tcl" in text
    assert text.count("read_vhdl -vhdl2008") == len(BuildFolder.open(small_build).sources)


@pytest.mark.parametrize("tool", TOOLS)
def test_the_same_build_gives_the_same_bytes_anywhere(small_build: Path, tmp_path: Path, tool: str) -> None:
    first, second = export(small_build, tmp_path / "a", tool), export(small_build, tmp_path / "b" / "c", tool)
    assert first.folder == str(tmp_path / "a")
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*"))
    assert files == sorted(path.relative_to(tmp_path / "b" / "c") for path in (tmp_path / "b" / "c").rglob("*"))
    for name in files:
        if (tmp_path / "a" / name).is_file():
            data = (tmp_path / "a" / name).read_bytes()
            assert data == (tmp_path / "b" / "c" / name).read_bytes()
            assert str(tmp_path).encode() not in data
    assert second.summary() | {"folder": first.folder} == first.summary()


PARTS = [
    ("vivado", "xc7a35t; exec touch hacked"), ("vivado", "[exec ls]"), ("vivado", "7a35t"), ("vivado", "xc7a35tcsg324-1\n"),
    ("vivado", "xc7a35t-$x"), ("vivado", ""), ("vivado", 7), ("vivado", "5CSEMA5F31C6"), ("vivado", "xc" + "7" * 60 + "-1"),
    ("fusesoc", "xc7a35tcsg324-1 # x"), ("fusesoc", "xc7a35tcsg324-1\n  x: y"), ("fusesoc", "{a: b}"),
    ("quartus", "xc7a35tcsg324-1"), ("quartus", "5CSEMA5F31C6]"), ("quartus", "ABCDEFGHIJ"), ("quartus", "5CSEMA5F31Ć6"),
]  # fmt: skip


@pytest.mark.parametrize(("tool", "part"), PARTS)
def test_bad_parts_are_refused(small_build: Path, tmp_path: Path, tool: str, part: Any) -> None:
    with pytest.raises(CreatorError, match="part") as refused:
        export(small_build, tmp_path / "p", tool, part=part)
    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["build"]


@pytest.mark.parametrize("clock", [0, -1, float("nan"), float("inf"), 1e-9, 1e9, True, "100", None, [100]])
def test_bad_clocks_are_refused(small_build: Path, tmp_path: Path, clock: Any) -> None:
    with pytest.raises(CreatorError, match="is not a clock frequency"):
        export(small_build, tmp_path / "p", "vivado", clock_mhz=clock)
    assert [path.name for path in tmp_path.iterdir()] == ["build"]


@pytest.mark.parametrize(
    ("clock", "period"), [(100, "10.000"), (300, "3.333"), (66.7, "14.992"), (2000, "0.500"), (0.001, "1000000.000")]
)
def test_the_period_is_never_longer_than_asked(small_build: Path, tmp_path: Path, clock: float, period: str) -> None:
    export(small_build, tmp_path / "p", "vivado", clock_mhz=clock)
    assert f"-period {period} " in (tmp_path / "p" / f"{TOP}.xdc").read_text()


def test_an_export_replaces_an_export_and_nothing_else(small_build: Path, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    export(small_build, folder, "vivado")
    export(small_build, folder, "quartus")
    assert json.loads((folder / "export.json").read_text())["tool"] == "quartus"
    assert not (folder / "run.tcl").exists()
    (folder / "notes.txt").write_text("precious")
    with pytest.raises(CreatorError, match=r"holds notes\.txt, which an export did not write"):
        export(small_build, folder, "vivado")
    assert (folder / "notes.txt").read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["build", "p"]


def test_a_constraint_that_was_changed_is_not_overwritten(small_build: Path, tmp_path: Path) -> None:
    export(small_build, tmp_path / "p", "vivado")
    (tmp_path / "p" / f"{TOP}.xdc").write_text("mine")
    with pytest.raises(CreatorError, match=rf"its {TOP}\.xdc was changed"):
        export(small_build, tmp_path / "p", "vivado")
    assert (tmp_path / "p" / f"{TOP}.xdc").read_text() == "mine"


def test_folders_that_are_not_an_export_are_refused(small_build: Path, small_graph: creator.Graph, tmp_path: Path) -> None:
    other = creator.translate(small_graph).write(tmp_path / "other")
    (tmp_path / "file").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    before = sorted(path for path in tmp_path.rglob("*"))
    for folder in (small_build, small_build / "p", tmp_path, other, tmp_path / "file", tmp_path / "link", "x\0", "a" * 5000):
        with pytest.raises(CreatorError):
            creator.export_project(small_build, folder, tool="fusesoc")
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_a_failed_write_leaves_the_earlier_export(small_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export(small_build, tmp_path / "p", "fusesoc")
    before = {path: path.read_bytes() for path in (tmp_path / "p").rglob("*") if path.is_file()}

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fails)
    with pytest.raises(CreatorError, match="No space left"):
        export(small_build, tmp_path / "p", "fusesoc", clock_mhz=50)
    assert {path: path.read_bytes() for path in (tmp_path / "p").rglob("*") if path.is_file()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["build", "p"]


@pytest.mark.parametrize("tool", ["vivado", "quartus"])
def test_without_edalize_nothing_is_written(
    small_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str
) -> None:
    monkeypatch.setitem(sys.modules, "edalize", None)
    with pytest.raises(CreatorError, match=r"pip install 'creator\[export\]'"):
        export(small_build, tmp_path / "p", tool)
    assert not (tmp_path / "p").exists()
    assert export(small_build, tmp_path / "p", "fusesoc").tool == "fusesoc"


def test_edited_files_are_named(small_build: Path, edit: Callable[..., None], tmp_path: Path) -> None:
    edit(f"vhdl/{TOP}.vhd", "-- network_top", "-- edited")
    assert export(small_build, tmp_path / "p", "vivado").edited == (f"vhdl/{TOP}.vhd",)


def test_names_in_a_manifest_cannot_reach_a_script(small_build: Path, tmp_path: Path) -> None:
    manifest = json.loads((small_build / "manifest.json").read_text())
    for change in ({"top": "x}; exec touch hacked; {"}, {"sources": ["vhdl/a b.vhd"]}, {"bench": "x\ny: z"}):
        (small_build / "manifest.json").write_text(json.dumps(manifest | change))
        for tool in TOOLS:
            with pytest.raises(CreatorError, match="is not one that creator writes"):
                export(small_build, tmp_path / "p", tool)
    assert not (tmp_path / "p").exists()

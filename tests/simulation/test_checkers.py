"""What checks a design: not changed, not taken on trust, and aimed at the files that are synthesized."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import creator
from creator import CreatorError
from creator.build_folder import BuildFolder
from creator.render.fileset import MANIFEST, WATCHED
from creator.simulation.checkers import checker_files
from tests.graph.chains import of_everything

Edit = Callable[..., None]
NETWORK = "vhdl/network.vhd"


def sign(folder: Path) -> None:
    """Makes the manifest agree with what the files are now."""
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["sha256"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in manifest["sha256"]}
    (folder / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize("parallelism", ["serial", "full-lanes"])
def test_the_watched_network_is_the_rendered_one(tmp_path: Path, parallelism: str) -> None:
    build = BuildFolder.open(creator.translate(of_everything(), parallelism).write(tmp_path / "b"))
    rendered = (build.path / WATCHED).read_text()
    made = Path(checker_files(build, tmp_path)[-1]).read_text()
    assert made == rendered[rendered.index("library") :]
    assert made.count("entity work.creator_stream_checker") >= 6


@pytest.mark.parametrize("bench", ["cocotb", "vhdl"])
@pytest.mark.parametrize("signed", [False, True])
def test_what_is_compared_is_the_network_and_not_the_copy_with_the_checkers(
    small_build: Path, edit: Edit, bench, signed
) -> None:
    edit(NETWORK, "out_data  <= lookup_4_data;", "out_data  <= not lookup_4_data;")
    if signed:
        sign(small_build)
    run = creator.simulate(small_build, bench=bench)
    assert run.mismatches == run.compared
    assert run.edited == (() if signed else (NETWORK,))


def test_an_edited_network_is_still_watched(small_build: Path, edit: Edit) -> None:
    edit(NETWORK, "in_last   => linear_1_last,", "in_last   => '0',")
    edit(NETWORK, "in_last   => linear_3_last,", "in_last   => '0',")
    with pytest.raises(CreatorError, match="stream lookup_4: last is out of place"):
        creator.simulate(small_build, bench="vhdl")


def test_a_network_edited_beyond_recognition_is_compared_without_inner_checkers(small_build: Path, edit: Edit) -> None:
    edit(NETWORK, "end architecture rtl;", "end rtl;")
    run = creator.simulate(small_build, bench="vhdl")
    assert run.passed
    assert run.edited == (NETWORK,)
    edit(NETWORK, "out_data  <= lookup_4_data;", "out_data  <= not lookup_4_data;")
    assert creator.simulate(small_build, bench="vhdl").mismatches == run.compared


def test_a_copy_with_the_checkers_that_differs_from_the_network_is_not_believed(small_build: Path, edit: Edit) -> None:
    edit(WATCHED, "out_data  <= lookup_4_data;", "out_data  <= not lookup_4_data;")
    sign(small_build)
    assert creator.simulate(small_build, bench="vhdl").passed


@pytest.mark.parametrize("bench", ["cocotb", "vhdl"])
@pytest.mark.parametrize("name", ["sim/file_bench.vhd", "sim/creator_stream_checker.vhd", WATCHED, "graph.creator"])
def test_checkers_that_changed_are_refused(small_build: Path, name: str, bench: str) -> None:
    with open(small_build / name, "ab") as file:
        file.write(b"\n")
    with pytest.raises(CreatorError, match=f"{name} changed since translation, so a simulation would prove nothing"):
        creator.simulate(small_build, bench=bench)


@pytest.mark.parametrize("name", ["sim/file_bench.vhd", "sim/creator_stream_checker.vhd"])
def test_checkers_that_are_not_creators_are_refused_though_the_manifest_has_them(small_build: Path, name: str) -> None:
    with open(small_build / name, "a") as file:
        file.write("-- mine\n")
    sign(small_build)
    with pytest.raises(CreatorError, match=f"{name} changed since translation"):
        creator.simulate(small_build, bench="vhdl")


@pytest.mark.parametrize("text", ["", "architecture watched of other is\nend;\n", "architecture rtl of network is\nend;\n"])
def test_a_copy_with_the_checkers_of_another_network_is_refused(small_build: Path, text: str) -> None:
    (small_build / WATCHED).write_text(text)
    sign(small_build)
    with pytest.raises(CreatorError, match="has no architecture of the network"):
        creator.simulate(small_build, bench="vhdl")

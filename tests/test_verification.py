"""``creator.verify``: every change of a build shows, is named, and is told from what belongs there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import creator
from creator import CreatorError, cli
from creator.graph import Graph
from creator.render.fileset import GRAPH, MANIFEST, manifest_text, sealed
from tests.graph.chains import of_everything

Files = set[str]


def rewrite(folder: Path, change: Callable[[dict[str, Any]], object], seal: bool = True) -> None:
    """Changes the manifest; ``seal`` computes its own hash anew, as a forger would."""
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest)
    (folder / MANIFEST).write_text(manifest_text(sealed(manifest) if seal else manifest))


def sign(folder: Path) -> None:
    """Makes the manifest agree with the files as they are now."""
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in listed(folder)}
    rewrite(folder, lambda manifest: manifest.update(sha256=hashes))


def listed(folder: Path) -> Files:
    return set(json.loads((folder / MANIFEST).read_text())["sha256"])


def other_graph(graph: Graph) -> Graph:
    """One weight more by one."""
    node = graph.nodes[0]
    weight = node.op.weight.copy()
    weight[0, 0] += 1 if weight[0, 0] < 0 else -1
    return replace(graph, nodes=(replace(node, op=replace(node.op, weight=weight)), *graph.nodes[1:]))


def test_a_build_is_unchanged(small_build: Path, small_graph: Graph, tmp_path: Path) -> None:
    found = creator.verify(small_build)
    assert found.unchanged
    assert (found.fault, found.changed, found.missing, found.extra, found.later, found.other_graph) == ("", (), (), (), (), "")
    assert found.made_again == ""
    assert found.files == sum(path.is_file() for path in small_build.rglob("*")) == len(listed(small_build)) + 1
    assert (found.creator, found.input, found.output) == (creator.__version__, "fixed<8,4>[6]", "fixed<7,6>[4]")
    small_graph.save(tmp_path / "saved")
    assert found.graph == hashlib.sha256((tmp_path / "saved").read_bytes()).hexdigest()


@pytest.mark.parametrize("kind", ["graph", "file", "path as text"])
def test_a_build_is_of_the_graph_that_is_given(small_build: Path, small_graph: Graph, tmp_path: Path, kind: str) -> None:
    small_graph.save(tmp_path / "saved")
    given = {"graph": small_graph, "file": tmp_path / "saved", "path as text": str(tmp_path / "saved")}[kind]
    assert creator.verify(small_build, given).unchanged


OPTIONS: list[dict[str, Any]] = [
    {"parallelism": "full-lanes"},
    {"parallelism": 10},
    {"parallelism": {"fps": 1e6, "clock_mhz": 100}},
    {"target": "ecp5-25k"},
    {"target": "ecp5-25k", "packing": False, "pipelining": True, "parallelism": 8, "name": "digits"},
    {"lanes": {'a "quoted" \\ path': (2, 3), "größe.λ": 3}},
    {"lanes": {}},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_manifest_has_what_it_takes_to_generate_the_build_again(tmp_path: Path, options: dict[str, Any]) -> None:
    build = creator.translate(of_everything(), **options).write(tmp_path / "b")
    found = creator.verify(build, of_everything())
    assert found.unchanged
    assert found.made_again == ""
    assert found.options["name"] == options.get("name", "network")
    assert {name for name, value in found.options.items() if value} == {
        "name",
        *(name for name, value in options.items() if value),
    }


def test_every_changed_file_is_named(small_build: Path) -> None:
    """One after the other, by one byte; the one before is put back."""
    for name in sorted(listed(small_build) | {MANIFEST}):
        path = small_build / name
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]) if name != MANIFEST else content + b" ")
        found = creator.verify(small_build)
        assert (found.changed, found.missing, found.extra) == ((name,), (), ())
        assert not found.unchanged
        assert found.fault == f"{name}: changed since generation"
        path.write_bytes(content)
    assert creator.verify(small_build).unchanged


def test_every_missing_file_is_named(small_build: Path) -> None:
    for name in sorted(listed(small_build)):
        (small_build / name).rename(small_build.parent / "away")
        found = creator.verify(small_build)
        assert (found.changed, found.missing, found.extra) == ((), (name,), ())
        assert found.fault == f"{name}: missing"
        (small_build.parent / "away").rename(small_build / name)


@pytest.mark.parametrize(
    "name", ["notes.txt", "vhdl/network_more.vhd", ".hidden", "sub/folder/x", "waves.txt", "synthesis", "vhdl/synthesis/x"]
)
def test_an_extra_file_is_named(small_build: Path, name: str) -> None:
    (small_build / name).parent.mkdir(parents=True, exist_ok=True)
    (small_build / name).write_text("")
    found = creator.verify(small_build)
    assert (found.changed, found.missing, found.extra, found.later) == ((), (), (name,), ())
    assert found.fault == f"{name}: not of the build"


def test_what_simulation_and_synthesis_leave_is_no_fault_and_said(small_build: Path) -> None:
    (small_build / "synthesis" / "xc7").mkdir(parents=True)
    for name in ("synthesis/xc7/report.json", "waves.ghw", "waves.vcd"):
        (small_build / name).write_text("")
    found = creator.verify(small_build)
    assert found.unchanged
    assert found.later == ("synthesis/xc7/report.json", "waves.ghw", "waves.vcd")
    assert ("made later", "3 files of simulation or synthesis, not covered") in found.rows()


def test_links_and_pipes_are_no_files_of_a_build(small_build: Path, tmp_path: Path) -> None:
    top = small_build / "vhdl" / "network_top.vhd"
    top.rename(tmp_path / "top.vhd")
    top.symlink_to(tmp_path / "top.vhd")
    os.mkfifo(small_build / "pipe")
    (small_build / "loop").symlink_to(small_build)
    found = creator.verify(small_build)
    assert (found.changed, found.extra) == (("vhdl/network_top.vhd",), ("loop", "pipe"))
    top.unlink()
    os.mkfifo(top)
    assert creator.verify(small_build).changed == ("vhdl/network_top.vhd",)


def test_a_manifest_that_is_a_link_is_a_change(small_build: Path, tmp_path: Path) -> None:
    (small_build / MANIFEST).rename(tmp_path / "m")
    (small_build / MANIFEST).symlink_to(tmp_path / "m")
    assert creator.verify(small_build).changed == (MANIFEST,)


@pytest.mark.parametrize("entry", ["interval", "latency", "top", "layers", "block_roms", "creator", "options", "standard"])
def test_every_entry_of_the_manifest_is_covered_by_its_own_hash(small_build: Path, entry: str) -> None:
    other = {
        "creator": "9.9.9",
        "options": {"name": "x", "parallelism": 3, "target": None, "lanes": None, "packing": None, "pipelining": False},
    }
    rewrite(small_build, lambda manifest: manifest.update({entry: other.get(entry, "other")}), seal=False)
    found = creator.verify(small_build)
    assert found.changed == (MANIFEST,)
    assert found.made_again == f"{MANIFEST} is not as it was generated"


def test_other_spaces_in_the_manifest_are_a_change(small_build: Path) -> None:
    (small_build / MANIFEST).write_text(json.dumps(json.loads((small_build / MANIFEST).read_text())))
    assert creator.verify(small_build).changed == (MANIFEST,)


# A forger, who writes a manifest that fits.


def test_a_forged_manifest_does_not_hide_a_changed_file(small_build: Path, edit: Callable[..., None]) -> None:
    edit("vhdl/network_top.vhd", "-- network_top", "-- other")
    edit("plan.txt", "interval", "Interval")
    sign(small_build)
    found = creator.verify(small_build)
    assert found.changed == (MANIFEST, "plan.txt", "vhdl/network_top.vhd")
    assert found.made_again == ""


def test_a_forged_manifest_does_not_hide_a_file_more_or_less(small_build: Path) -> None:
    (small_build / "vhdl" / "more.vhd").write_text("")
    (small_build / "plan.txt").unlink()
    empty = hashlib.sha256(b"").hexdigest()
    rewrite(
        small_build, lambda manifest: (manifest["sha256"].pop("plan.txt"), manifest["sha256"].update({"vhdl/more.vhd": empty}))
    )
    found = creator.verify(small_build)
    assert (found.changed, found.missing, found.extra) == ((MANIFEST,), ("plan.txt",), ("vhdl/more.vhd",))


def test_a_forged_entry_of_the_manifest_shows(small_build: Path) -> None:
    rewrite(small_build, lambda manifest: manifest.update(interval=1))
    assert creator.verify(small_build).changed == (MANIFEST,)


def test_other_options_in_a_forged_manifest_show(small_build: Path) -> None:
    rewrite(small_build, lambda manifest: manifest["options"].update(parallelism="full-lanes"))
    assert {MANIFEST, "plan.txt", "vhdl/network_top.vhd"} <= set(creator.verify(small_build).changed)


def test_another_network_is_a_sound_build_of_another_graph(small_build: Path, small_graph: Graph, tmp_path: Path) -> None:
    """Everything in the folder fits together; only who has the graph can tell."""
    other = other_graph(small_graph)
    shutil.rmtree(small_build)
    creator.translate(other).write(small_build)
    assert creator.verify(small_build).unchanged
    assert creator.verify(small_build, other).unchanged
    small_graph.save(tmp_path / "mine.creator")
    for given, named in ((small_graph, "the graph given"), (tmp_path / "mine.creator", str(tmp_path / "mine.creator"))):
        found = creator.verify(small_build, given)
        assert (found.changed, found.missing, found.extra, found.other_graph) == ((), (), (), named)
        assert not found.unchanged
        assert found.fault == f"it was not generated from {named}"
        assert found.made_again == "it is of another graph than the one given"


def test_the_right_graph_does_not_excuse_the_hardware_of_another(small_build: Path, small_graph: Graph) -> None:
    saved = (small_build / GRAPH).read_bytes()
    shutil.rmtree(small_build)
    creator.translate(other_graph(small_graph)).write(small_build)
    (small_build / GRAPH).write_bytes(saved)
    sign(small_build)
    assert "vhdl/network_linear_1_weights.vhd" in creator.verify(small_build, small_graph).changed


def test_another_graph_file_is_a_change(small_build: Path, small_graph: Graph) -> None:
    other_graph(small_graph).save(small_build / GRAPH)
    found = creator.verify(small_build)
    assert found.changed == (GRAPH,)
    assert found.made_again == f"{GRAPH} is not as it was generated"


def test_a_build_of_another_version_is_not_generated_again(small_build: Path, edit: Callable[..., None]) -> None:
    rewrite(small_build, lambda manifest: manifest.update(creator="0.0.9"))
    found = creator.verify(small_build)
    assert found.unchanged
    assert found.made_again == f"this is creator {creator.__version__}, which may write other files"
    assert ("made again", f"no: {found.made_again}") in found.rows()
    edit("plan.txt", "interval", "Interval")
    assert creator.verify(small_build).changed == ("plan.txt",)


# What is no build, or says too little.


def test_what_is_no_build_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CreatorError, match="there is no such folder"):
        creator.verify(tmp_path / "nothing")
    with pytest.raises(CreatorError, match="is not a creator build"):
        creator.verify(tmp_path)
    with pytest.raises(CreatorError, match="expected a path"):
        creator.verify(None)


def test_a_graph_that_cannot_be_read_is_refused(small_build: Path, tmp_path: Path) -> None:
    with pytest.raises(CreatorError, match="no such file"):
        creator.verify(small_build, tmp_path / "nothing")


BAD: list[dict[str, Any]] = [
    {"sha256": None}, {"sha256": []}, {"sha256": {}}, {"sha256": {GRAPH: 5}}, {"sha256": {GRAPH: "ab"}},
    {"sha256": {GRAPH: "A" * 64}}, {"creator": None}, {"input": None}, {"input": {"shape": 5, "format": ""}},
    {"output": {"shape": []}}, {"options": None},
    {"options": {}}, {"options": {"name": "a"}},
]  # fmt: skip
OPTIONS = {"name": "n", "parallelism": None, "target": None, "lanes": None, "packing": None, "pipelining": False}
BAD += [
    {"options": OPTIONS | change}
    for change in (
        {"more": 1}, {"name": 5}, {"parallelism": []}, {"target": 5}, {"packing": 1}, {"pipelining": 1}, {"lanes": []},
        {"lanes": {"1": "x"}}, {"lanes": {"1": [1.5]}}, {"lanes": {"1": None}},
    )
]  # fmt: skip


@pytest.mark.parametrize("change", BAD, ids=str)
def test_manifests_that_do_not_say_what_was_generated_are_refused(small_build: Path, change: dict[str, Any]) -> None:
    rewrite(small_build, lambda manifest: manifest.update(change))
    with pytest.raises(CreatorError, match=f"its {MANIFEST} does not say what was generated"):
        creator.verify(small_build)


@pytest.mark.parametrize(
    "options",
    [
        {"name": "1x"},
        {"parallelism": "fast"},
        {"parallelism": {"fps": "x"}},
        {"target": "x"},
        {"lanes": {"9": 1}},
        {"lanes": {"1": [1] * 9}},
    ],
    ids=str,
)
def test_options_that_translate_refuses_are_refused(small_build: Path, options: dict[str, Any]) -> None:
    rewrite(small_build, lambda manifest: manifest["options"].update(options))
    with pytest.raises(CreatorError, match=f"its graph cannot be translated as its {MANIFEST} says: "):
        creator.verify(small_build)


def test_a_manifest_of_another_version_is_refused(small_build: Path) -> None:
    rewrite(small_build, lambda manifest: manifest.update(version=1))
    with pytest.raises(CreatorError, match="is of version 1, and this creator reads 2"):
        creator.verify(small_build)


def test_names_in_a_manifest_do_not_lead_out_of_the_folder(small_build: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    digest = hashlib.sha256(b"x").hexdigest()
    rewrite(small_build, lambda manifest: manifest["sha256"].update({"../secret": digest, str(tmp_path / "secret"): digest}))
    assert {"../secret", str(tmp_path / "secret")} <= set(creator.verify(small_build).missing)


# The command.


def call(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capfd.readouterr()
    status = cli.main(["verify", *arguments, "--quiet"])
    return status, *capfd.readouterr()


def test_the_command_says_that_nothing_changed(small_build: Path, small_graph: Graph, tmp_path: Path, capfd) -> None:
    small_graph.save(tmp_path / "g")
    status, out, err = call(capfd, str(small_build), "--graph", str(tmp_path / "g"))
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == f"{small_build} is as generated"
    assert hashlib.sha256((tmp_path / "g").read_bytes()).hexdigest() in out
    assert "every byte is the same" in out
    assert "name=network" in out
    status, out, err = call(capfd, str(small_build), "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert (found["unchanged"], found["changed"], found["files"]) == (True, [], len(listed(small_build)) + 1)


def test_the_command_names_what_changed_and_exits_with_2(small_build: Path, small_graph: Graph, tmp_path: Path, capfd) -> None:
    (small_build / "plan.txt").write_text("")
    (small_build / "graph.txt").unlink()
    (small_build / "x").write_text("")
    other_graph(small_graph).save(tmp_path / "g")
    status, out, err = call(capfd, str(small_build), "--graph", str(tmp_path / "g"))
    fault = "plan.txt: changed since generation; graph.txt: missing; x: not of the build; it was not generated from "
    fault += str(tmp_path / "g")
    assert (status, err) == (2, f"creator verify: {small_build}: {fault} (hint: translate again)\n")
    assert out.splitlines()[0] == f"{small_build} is NOT as generated"
    status, out, err = call(capfd, str(small_build), "--json")
    assert status == 2
    assert len(err.splitlines()) == 1
    found = json.loads(out)
    assert (found["unchanged"], found["changed"], found["missing"], found["extra"]) == (
        False,
        ["plan.txt"],
        ["graph.txt"],
        ["x"],
    )


def test_the_command_refuses_what_is_no_build(tmp_path: Path, capfd) -> None:
    status, out, err = call(capfd, str(tmp_path))
    assert (status, out) == (2, "")
    assert "is not a creator build" in err

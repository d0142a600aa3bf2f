"""The self-test for users: it catches what it sabotages, says so, leaves the build alone, and can fail."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import creator
from creator import CreatorError, cli
from creator.formats import FixedPoint
from creator.graph.vectors import check_vectors
from creator.simulation import corruptions
from creator.simulation import self_test as module
from creator.simulation.corruptions import FAULTS, corrupted
from creator.simulation.self_test import CAUGHT, DEEDS, INAPT, MISSED, SelfTest, Trial, self_test
from creator.tools import find_ghdl
from tests.graph.chains import chain, linear, of_everything, quantize, rescale, slope, table
from tests.test_cli import state

Edit = Callable[..., None]
Count = Callable[[int], None]


def call(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capfd.readouterr()
    status = cli.main(["simulate", *arguments, "--quiet"])
    return status, *capfd.readouterr()


def test_the_command_catches_what_it_sabotages_and_leaves_the_build_alone(
    small_build: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], sabotaged: Count
) -> None:
    before, path, ghdl = state(tmp_path), os.environ["PATH"], find_ghdl()
    status, out, err = call(capfd, str(small_build), "--self-test", "--bench", "vhdl")
    assert (status, err) == (0, "")
    assert state(tmp_path) == before
    assert (os.environ["PATH"], find_ghdl()) == (path, ghdl)
    lines = out.splitlines()
    assert lines[0].split() == ["sabotaged", "outcome", "message"]
    assert lines[1].split(maxsplit=2) == ["nothing", "passes", "48 outputs compared, 0 mismatches"]
    assert lines[-1] == "24 sabotages: 21 caught, 0 missed, 3 do not apply to this network"
    told = {line[: line.index("  ")]: line for line in lines[2:-1]}
    assert len(told) == 24
    assert [what for what, line in told.items() if " caught " not in line] == [
        "the overflow mode of a layer, in the VHDL",
        "one bit of a factor, in the VHDL",
        "cocotb's report, of no test",
    ]
    for what, words in {
        "one bit of a weight, in the VHDL": "outputs differ; sample",
        "one number of the saved graph": "outputs differ; sample",
        "the last sample, lost on its way to the bench": "expected 48 output beats from 12 samples, got 44 from 11",
        "one bit of an output, on its way from the bench": "1 of 48 outputs differ; sample 11",
        "the results, those of an earlier run": "the results are of another run",
        "the results, lost": "wrote no results",
        "GHDL, killed": "killed by signal 9",
        "GHDL, not installed": "GHDL is not installed",
        "the samples, none left": "there are no vectors",
        "a file of the VHDL, missing": "the file vhdl/network_top.vhd is missing",
    }.items():
        assert words in told[what]
    sabotaged(21)


@pytest.mark.extended
def test_with_cocotb_as_well(small_build: Path, sabotaged: Count) -> None:
    found = self_test(small_build)
    assert found.passed
    assert (found.bench, found.count(CAUGHT), found.count(MISSED)) == ("cocotb", 22, 0)
    sabotaged(22)


@pytest.mark.extended
@pytest.mark.parametrize("options", [{"parallelism": "full-lanes"}, {"target": "ecp5-25k", "name": "digits"}], ids=str)
def test_on_another_network_with_other_options(tmp_path: Path, options: dict[str, str], sabotaged: Count) -> None:
    """Its first layers cannot reach the output, so that their numbers cannot be sabotaged."""
    found = self_test(creator.translate(of_everything(), **options).write(tmp_path / "b"), bench="vhdl")
    assert found.passed
    assert (found.count(CAUGHT), found.count(MISSED), found.count(INAPT)) == (18, 0, 6)
    sabotaged(18)


def test_json(small_build: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FAULTS", {})
    monkeypatch.setattr(module, "DEEDS", {})
    status, out, err = call(capfd, str(small_build), "--self-test", "--bench", "vhdl", "--json")
    found = json.loads(out)
    assert (status, err) == (1, "")  # too few to be worth anything
    assert (found["passed"], found["bench"], found["compared"]) == (False, "vhdl", 48)
    assert found["trials"][-1] == {"what": "GHDL, not installed", "verdict": CAUGHT, "message": "GHDL is not installed"}


@pytest.mark.parametrize(("option", "value"), [("--inputs", "x"), ("--outputs", "y"), ("--waves", "w"), ("--stalls", "1")])
def test_options_that_make_no_sense_with_it_are_refused(small_build: Path, capfd, option: str, value: str) -> None:
    status, out, err = call(capfd, str(small_build), "--self-test", option, value)
    assert (status, out) == (2, "")
    assert f"{option} cannot be given with it" in err


def test_a_sabotage_that_is_not_caught_fails_the_command(
    small_build: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program in GHDL's place that does nothing wrong is nothing that could be caught."""
    monkeypatch.setattr(module, "FAULTS", {})
    monkeypatch.setattr(module, "DEEDS", {"nothing at all": "be good", "GHDL, killed": "die"})
    status, out, _ = call(capfd, str(small_build), "--self-test", "--bench", "vhdl")
    assert status == 1
    assert "nothing at all                                    MISSED" in out
    assert "the simulation passed" in out
    assert "1 missed" in out.splitlines()[-1]


@pytest.mark.parametrize(
    ("verdicts", "passed"),
    [([CAUGHT] * 8, True), ([CAUGHT] * 7 + [INAPT], False), ([CAUGHT] * 8 + [INAPT], True), ([CAUGHT] * 9 + [MISSED], False)],
)
def test_it_passes_only_if_everything_that_applies_is_caught(verdicts: list[str], passed: bool) -> None:
    found = SelfTest("vhdl", 4, tuple(Trial("x", verdict, "") for verdict in verdicts))
    assert found.passed == passed


def test_an_edited_build_is_refused(small_build: Path, edit: Edit) -> None:
    edit("vhdl/network_top.vhd", "-- network_top", "-- edited")
    with pytest.raises(CreatorError, match=r"vhdl/network_top\.vhd changed since translation, and a self-test starts from"):
        self_test(small_build, bench="vhdl")


def test_a_build_that_fails_by_itself_is_refused(small_build: Path, edit: Edit) -> None:
    from tests.simulation.test_checkers import sign

    edit("vhdl/network_top.vhd", "m_axis_tdata(6 downto 0) <= result;", "m_axis_tdata(6 downto 0) <= not result;")
    sign(small_build)
    with pytest.raises(CreatorError, match=r"fails without any sabotage: the upper bits of"):
        self_test(small_build, bench="vhdl")


def test_no_ghdl_is_refused(small_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    find_ghdl.cache_clear()
    with pytest.raises(CreatorError, match="GHDL is not installed"):
        self_test(small_build, bench="vhdl")
    find_ghdl.cache_clear()


# The faults.

NETWORKS = {
    "linear": chain(linear()),
    "wrap": chain(quantize(FixedPoint(6, 2), overflow=creator.Overflow.WRAP)),
    "saturate": chain(quantize(FixedPoint(6, 2))),
    "table": chain(table()),
    "rescale": chain(rescale([3, 40, 77, 5], 6, FixedPoint(8, 4))),
    "slope": chain(slope([3, -40, 7, 5], 6, FixedPoint(7, 4))),
}
APPLY = {
    "one bit of a weight": {"linear"},
    "one bit of a bias": {"linear"},
    "the rounding mode of a layer": {"linear", "wrap", "saturate", "rescale", "slope"},
    "the overflow mode of a layer": {"linear", "wrap", "saturate", "slope"},
    "a limit of a layer, by one": {"linear", "wrap", "saturate", "rescale", "slope"},
    "the order of two outputs of a layer": {"linear"},
    "the order of two inputs of a layer": {"linear"},
    "one entry of a table, by one": {"table"},
    "one bit of a factor": {"rescale", "slope"},
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_fault_changes_outputs_where_it_applies(name: str, fault: str) -> None:
    graph = NETWORKS[name]
    x = check_vectors(graph, 8)
    other = corrupted(graph, FAULTS[fault], x)
    assert (other is not None) == (name in APPLY[fault])
    if other is not None:
        assert not np.array_equal(other.run(x), graph.run(x))
        assert (other.input_type, other.output_type) == (graph.input_type, graph.output_type)
        assert other.verify() is other


def test_a_fault_without_effect_does_not_apply(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights whose sum is always cut off at the same limit; and not more than ``ENOUGH`` of them are tried."""
    dead = chain(linear(low=5, high=5))
    assert corrupted(dead, FAULTS["one bit of a weight"], check_vectors(dead, 8)) is None
    monkeypatch.setattr(corruptions, "ENOUGH", 0)
    assert corrupted(chain(linear()), FAULTS["one bit of a weight"], check_vectors(dead, 8)) is None


def test_large_arrays_are_sampled_all_over() -> None:
    changed = [int(np.flatnonzero(copy)[0]) for copy in corruptions._elements(np.zeros((100, 100), np.int64), lambda code: [1])]
    assert len(changed) <= corruptions.ENOUGH
    assert changed[-1] > 9900
    assert len({place % 100 for place in changed}) > 50


def test_every_deed_is_one_that_the_saboteur_does() -> None:
    from creator.simulation.saboteur import AFTER, BEFORE

    assert set(DEEDS.values()) == {*BEFORE, *AFTER, "do nothing", "give old results"}

"""The tool that runs mutants: a dozen fixed ones are found, and one that changes nothing is not."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest

from creator import FixedPoint, Overflow, Rounding
from scripts.seeded_bugs import BUGS
from tests import evidence
from tests.graph.chains import chain, linear, quantize, rescale
from tests.mutation import campaign, python_rules, vhdl_rules
from tests.mutation.equivalent import equivalents
from tests.mutation.files import ROOT, mutants_of, mutated_files
from tests.mutation.hardware import Hardware, code, logic
from tests.mutation.mutants import LEAST, in_turn, named
from tests.mutation.networks import Network
from tests.mutation.software import OWN, Software
from tests.mutation.verdict import KILLED, REFUSED, SAME_CODE, SURVIVED
from tests.mutation.vhdl_rules import marked

F = FixedPoint
WRONG_SUM = "total <= start + addend;", "total <= start - addend;"


@pytest.fixture(scope="module")
def hardware(tmp_path_factory: pytest.TempPathFactory) -> Hardware:
    wrapping = quantize(F(4, 2), Rounding.HALF_UP, Overflow.WRAP)
    networks = [
        Network("a layer", chain(linear(5, 3, rounding=Rounding.HALF_UP, output=F(4, 2), overflow=Overflow.WRAP), shape=(5,))),
        Network("queue and adapter", chain(linear(6, 8), linear(8, 3), shape=(6,)), {"lanes": {"layer.0": (6, 2)}}),
        Network("changes in a row", chain(wrapping, rescale([3, 5], 2, F(4, 0)), shape=(2,))),
    ]
    return Hardware(networks, tmp_path_factory.mktemp("mutants"))


def mutated(file: str, old: str, new: str, nth: int = 1) -> str:
    """The text of ``file`` with the fault; the rules must make it too."""
    (found,) = [m for m in mutants_of(file) if (m.before, m.after, m.nth) == (old, new, nth)]
    return found.applied((ROOT / file).read_text())


@pytest.mark.parametrize(
    ("file", "old", "new", "nth"),
    [
        ("templates/mac.vhd.j2", *WRONG_SUM, 2),
        ("templates/mac.vhd.j2", "addend <= resize(product, {{ sum_bits }});",
         "addend <= signed(resize(unsigned(product), {{ sum_bits }}));", 1),
        ("templates/requantizer.vhd.j2", "next_up <= kept + carry;", "next_up <= kept;", 1),
        ("templates/requantizer.vhd.j2", "carry(0) <= wide({{ shift - 1 }});", "carry(0) <= wide({{ shift - 0 }});", 1),
        ("templates/linear.vhd.j2", "enable <= out_ready or not done({{ stages }});",
         "enable <= out_ready or done({{ stages }});", 1),
        ("templates/linear.vhd.j2", "if read_weight = {{ words * groups - 2 }} then",
         "if read_weight = {{ words * groups - 1 }} then", 1),
        ("templates/linear.vhd.j2", "row_starts <= row_ends;", "", 1),
        ("templates/stream_pipeline.vhd.j2", "if enable = '1' then", "if true then", 1),
        ("templates/stream_pipeline.vhd.j2", "if reset = '1' then", "if false then", 1),
        ("templates/adapter.vhd.j2", "take <= in_valid and free;", "take <= in_valid;", 1),
        ("templates/network.vhd.j2", "in_last => in_last,", "in_last => '0',", 2),
        ("templates/mac.vhd.j2", "product <= activation_operand * weight_operand;", "", 1),
        ("vhdl/creator_stream_queue.vhd", "arrived <= in_data & in_last;", "arrived <= in_last & in_data;", 1),
        ("vhdl/creator_stream_register.vhd", "elsif spare_valid = '0' then", "elsif spare_valid /= '0' then", 1),
        ("vhdl/creator_ram.vhd", "if rising_edge(clock) then", "if falling_edge(clock) then", 1),
    ],
)  # fmt: skip
def test_a_fault_of_each_kind_is_found_by_a_run(hardware: Hardware, file: str, old: str, new: str, nth: int) -> None:
    verdict = hardware.judge(file, mutated(file, old, new, nth))
    assert verdict.status == KILLED, verdict
    assert verdict.by
    assert verdict.why


def test_a_fault_that_does_not_compile_or_render_is_refused(hardware: Hardware) -> None:
    text = (ROOT / "vhdl/creator_ram.vhd").read_text()
    assert hardware.judge("vhdl/creator_ram.vhd", text.replace("read_data <= ", "read_data <= not_there & ")).status == REFUSED
    text = (ROOT / "templates/mac.vhd.j2").read_text()
    assert hardware.judge("templates/mac.vhd.j2", text.replace("sum_bits", "no_bits")).status == REFUSED


def test_a_change_that_is_none_survives(hardware: Hardware) -> None:
    """The tool can fail: it does not take every change for one that is found."""
    file = "templates/stream_pipeline.vhd.j2"
    text = (ROOT / file).read_text()
    same = text.replace("out_ready or not valid({{ stages }})", "not valid({{ stages }}) or out_ready")
    verdict = hardware.judge(file, same)
    assert verdict.status == SURVIVED
    assert verdict.why == "1 networks that it changes"
    assert hardware.judge(file, text.replace("  out_last", "  -- A comment.\n  out_last")).status == SAME_CODE
    assert hardware.judge(file, text.replace("not valid", "not  valid")).status == SAME_CODE
    lookup = (ROOT / "templates/lookup.vhd.j2").read_text()
    assert hardware.judge("templates/lookup.vhd.j2", lookup.replace("<= entry", "<= in_data")).why == "it changes no network"


def test_a_fault_without_any_fault_in_place_stops_the_tool(hardware: Hardware) -> None:
    first, other_plan = hardware.prepared[0], hardware.prepared[1].plan
    spoilt = replace(first, network=replace(first.network, name="spoilt"), plan=other_plan)
    other = copy.copy(hardware)
    other.prepared, other.passing, other.networks, other.runs = [spoilt], set(), {}, {}
    with pytest.raises(AssertionError, match="spoilt, full speed: fails without any fault: latency"):
        other.judge("templates/mac.vhd.j2", mutated("templates/mac.vhd.j2", *WRONG_SUM, 2))


@pytest.fixture(scope="module")
def software(tmp_path_factory: pytest.TempPathFactory) -> Software:
    return Software(tmp_path_factory.mktemp("mutants"))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("creator/formats.py", "kept = codes >> shift", "kept = codes << shift"),
        (
            "creator/ops/clamp.py",
            "return np.clip(values[0], self.low, self.high)",
            "return np.clip(values[0], self.low, self.low)",
        ),
        ("creator/ops/base.py", "return words > _DEEP", "return words >= _DEEP"),
    ],
)
def test_a_fault_in_python_is_found(software: Software, file: str, old: str, new: str) -> None:
    verdict = software.tests(file, mutated(file, old, new), OWN[file])
    assert verdict.status == KILLED
    assert verdict.by.startswith("tests/")


def test_a_change_in_python_that_is_none_survives(software: Software) -> None:
    file = "creator/ops/reshape.py"
    text = (ROOT / file).read_text()
    assert software.tests(file, text.replace("return None", "return"), OWN[file]).status == SURVIVED
    assert software.tests(file, text.replace("import", "imports", 1), OWN[file]).status == REFUSED


def test_every_file_has_its_mutants() -> None:
    few = {file for file in mutated_files() if len(mutants_of(file)) < LEAST}
    assert few == {
        "creator/ops/clamp.py", "creator/ops/permute.py", "creator/ops/reshape.py", "creator/ops/shift.py",
        "templates/add.vhd.j2", "templates/any_place.vhd.j2", "templates/argmax.vhd.j2", "templates/clamp.vhd.j2",
        "templates/join_ports.vhd.j2",
        "templates/kept_slice.vhd.j2", "templates/maxpool.vhd.j2", "templates/minifloat.vhd.j2", "templates/multiply.vhd.j2",
        "templates/network_fork.vhd.j2", "templates/operand_place.vhd.j2", "templates/pad.vhd.j2",
        "templates/polynomial.vhd.j2", "templates/quantize.vhd.j2", "templates/rescale.vhd.j2", "templates/slope.vhd.j2",
        "templates/stream_ports.vhd.j2", "templates/sumpool.vhd.j2", "templates/top1.vhd.j2", "templates/upsample.vhd.j2",
    }  # fmt: skip
    for file in mutated_files():
        mutants = list(in_turn(mutants_of(file)))
        assert len({mutant.key for mutant in mutants}) == len(mutants)
        assert [m.key for m in mutants] == [m.key for m in in_turn(mutants_of(file))]
        text = (ROOT / file).read_text()
        assert len({mutant.applied(text) for mutant in mutants} | {text}) == len(mutants) + 1


def test_comments_and_messages_are_left_alone() -> None:
    text = "-- a + b {{ c + 1 }}\nx <= y; -- not z\n{# 1 #}"
    assert set(marked(text)) == {"v", "c"}
    assert {m.kind for m in vhdl_rules.mutants_of("x.vhd", text)} == {"dropped statement"}
    assert python_rules.mutants_of("x.py", 'def f(a: int) -> int:\n    """1 + 1"""\n    raise ValueError(f"{a + 1}")\n') == []


def test_what_makes_no_difference_to_the_logic() -> None:
    one = "use ieee.numeric_std.all;\n-- a\nsignal used : bit;\nsignal idle : bit;\nused <= not\n used;"
    assert code(one) == "use ieee.numeric_std.all; signal used : bit; signal idle : bit; used <= not used;"
    assert logic(one) == "signal used : bit; used <= not used;"


def test_a_line_that_stands_twice_is_two_mutants() -> None:
    found = named("f", "a;\nb;\na;\n", [("k", 0, 1, "c"), ("k", 6, 7, "c"), ("k", 0, 1, "c"), ("k", 0, 1, "a")])
    assert [(m.before, m.after, m.nth, m.line) for m in found] == [("a;", "c;", 1, 1), ("a;", "c;", 2, 3)]


def test_each_listed_equivalent_mutant_has_a_reason_and_exists() -> None:
    keys = {mutant.key for file in mutated_files() for mutant in mutants_of(file)}
    assert set(equivalents()) <= keys


def test_a_campaign_leaves_the_rows_of_other_files(tmp_path: Path) -> None:
    path = tmp_path / "evidence" / "mutation.json"
    old = {"killed": 1, "commit": "abc"}
    path.parent.mkdir()
    path.write_text(json.dumps({"commit": "abc", "files": {"vhdl/creator_ram.vhd": {"killed": 1}, "gone.vhd": {"killed": 9}}}))
    for count in (2, 3):
        campaign.save(path, {"creator/ops/add.py": {"killed": count}})
    found = json.loads(path.read_text())["files"]
    assert found["vhdl/creator_ram.vhd"] == old
    assert found["creator/ops/add.py"] == {"killed": 3, **evidence.code()}
    assert list(found) == ["creator/ops/add.py", "vhdl/creator_ram.vhd"]


def test_each_planted_bug_has_its_place() -> None:
    assert [bug.kind for bug in BUGS if bug.old not in (ROOT / bug.file).read_text()] == []
    assert len({bug.kind for bug in BUGS}) == len(BUGS) > 30


def test_an_entry_without_a_reason_or_twice_is_refused(tmp_path: Path) -> None:
    entry = '[[mutant]]\nfile = "f"\nbefore = "a"\nafter = "b"\nreason = "{}"\n'
    for text in (entry.format(" "), entry.format("r") * 2):
        (tmp_path / "list.toml").write_text(text)
        with pytest.raises(ValueError, match="has no reason, or is there twice"):
            equivalents(tmp_path / "list.toml")

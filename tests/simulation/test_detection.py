"""A simulation of damaged hardware never passes, and says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import creator
from creator import CreatorError
from creator.simulation import cocotb_bench

Edit = Callable[..., None]
BENCHES = pytest.mark.parametrize("bench", ["cocotb", "vhdl"])

SECOND = "vhdl/network_linear_3.vhd"
TOP = "vhdl/network_top.vhd"


def invert_first_word(folder: Path, name: str) -> None:
    """Flips the bits of the word at address 0, the last in the list, of a rendered memory."""
    path = folder / "vhdl" / name
    head, quote, rest = path.read_text().rpartition('"\n  );')
    start = head.rindex('"') + 1
    flipped = head[start:].translate(str.maketrans("01", "10"))
    path.write_text(head[:start] + flipped + quote + rest)


@BENCHES
def test_a_wrong_weight_is_found_and_its_layer_named(small_build: Path, bench: str) -> None:
    invert_first_word(small_build, "network_linear_3_weights.vhd")
    run = creator.simulate(small_build, bench=bench)
    assert run.mismatches > 0
    assert not run.passed
    assert run.first is not None
    assert run.first.layer == "3"
    assert run.first.element == 0
    sample, element = run.first.sample, run.first.element
    assert run.outputs[sample, element] == run.first.got != run.first.expected == run.expected[sample, element]
    assert run.edited == ("vhdl/network_linear_3_weights.vhd",)


def test_the_first_of_two_wrong_layers_is_named(small_build: Path) -> None:
    invert_first_word(small_build, "network_linear_1_weights.vhd")
    invert_first_word(small_build, "network_linear_3_weights.vhd")
    run = creator.simulate(small_build, bench="vhdl")
    assert run.first is not None
    assert run.first.layer == "1 + 2"
    assert "first layer that differs: 1 + 2" in str(run.first)


def test_a_wrong_table_entry_is_named(small_build: Path) -> None:
    invert_first_word(small_build, "network_lookup_4_table.vhd")
    run = creator.simulate(small_build, bench="vhdl")
    assert run.first is not None
    assert run.first.layer == "4"


def test_a_single_wrong_output_bit_after_the_network_is_found(small_build: Path, edit: Edit) -> None:
    edit(TOP, "m_axis_tdata(6 downto 0) <= result;", "m_axis_tdata(6 downto 0) <= result(6 downto 1) & not result(0);")
    run = creator.simulate(small_build, bench="vhdl")
    assert run.mismatches == run.compared
    assert run.first is not None
    assert "after the last layer" in run.first.layer


@BENCHES
def test_wrong_sign_extension_of_a_beat_is_refused(small_build: Path, edit: Edit, bench: str) -> None:
    edit(TOP, "(others => result(6))", "(others => '1')")
    with pytest.raises(CreatorError, match="do not extend a fixed<7,6>"):
        creator.simulate(small_build, bench=bench)


@BENCHES
def test_undefined_output_bits_are_refused(small_build: Path, edit: Edit, bench: str) -> None:
    edit(TOP, "m_axis_tdata(6 downto 0) <= result;", "m_axis_tdata(6 downto 1) <= result(6 downto 1);")
    with pytest.raises(CreatorError, match="undefined bits"):
        creator.simulate(small_build, bench=bench)


@BENCHES
def test_a_network_that_hangs_is_refused(small_build: Path, edit: Edit, bench: str) -> None:
    edit(SECOND, "issue      <= any_full and enable;", "issue      <= '0';")
    with pytest.raises(CreatorError, match=r"expected 256 output beats from 64 samples, got 0|nothing moved for \d+ cycles"):
        creator.simulate(small_build, bench=bench)


@BENCHES
def test_a_lost_output_is_refused(small_build: Path, edit: Edit, bench: str) -> None:
    edit(SECOND, "if read_weight = 18 then", "if read_weight = 13 then")
    with pytest.raises(CreatorError, match=r"tlast|out of place|expected 256 output beats|nothing moved|the bench failed"):
        creator.simulate(small_build, bench=bench)


@BENCHES
def test_a_surplus_output_is_refused(small_build: Path, edit: Edit, bench: str) -> None:
    edit(SECOND, "if read_weight = 18 then", "if read_weight = 23 then")
    with pytest.raises(CreatorError, match=r"tlast|out of place|expected 256|more than planned|index \(20\) out of bounds"):
        creator.simulate(small_build, bench=bench)


@BENCHES
def test_a_missing_tlast_is_refused(small_build: Path, edit: Edit, bench: str) -> None:
    edit(TOP, "out_last  => m_axis_tlast", "out_last  => open")
    edit(TOP, "  reset <= not aresetn;", "  reset <= not aresetn;\n  m_axis_tlast <= '0';")
    with pytest.raises(CreatorError, match="tlast"):
        creator.simulate(small_build, bench=bench)


def test_an_output_withdrawn_under_stall_fails_the_protocol_bench(small_build: Path, edit: Edit) -> None:
    edit(TOP, "  signal reset  : std_logic;", "  signal reset  : std_logic;\n  signal offered, odd : std_logic := '0';")
    edit(TOP, "out_valid => m_axis_tvalid", "out_valid => offered")
    edit(
        TOP,
        "  reset <= not aresetn;",
        "  reset <= not aresetn;\n  odd <= not odd when rising_edge(aclk);\n  m_axis_tvalid <= offered and odd;",
    )
    with pytest.raises(CreatorError, match="withdrawn before it was taken"):
        creator.simulate(small_build, stalls=1)


def test_an_output_that_changes_under_stall_fails_the_protocol_bench(small_build: Path, edit: Edit) -> None:
    edit("vhdl/network_lookup_4.vhd", "if enable = '1' then\n        out_data", "if true then\n        out_data")
    edit("vhdl/network_lookup_4_table.vhd", "if enable = '1' then", "if true then")
    with pytest.raises(CreatorError, match="before it was taken"):
        creator.simulate(small_build, stalls=1)


@BENCHES
def test_vhdl_that_does_not_compile_is_refused(small_build: Path, edit: Edit, bench: str) -> None:
    edit(SECOND, "architecture rtl", "architektur rtl")
    with pytest.raises(CreatorError, match="does not compile"):
        creator.simulate(small_build, bench=bench)


@pytest.mark.parametrize(
    "text",
    [
        "",  # no test at all
        "import cocotb\n\n@cocotb.test()\nasync def stream(dut):\n    assert False\n",  # a test that fails
        "import cocotb\n\n@cocotb.test()\nasync def stream(dut):\n    pass\n",  # a test that checks nothing
        "import nothing_of_this_name\n",
    ],
)
def test_a_cocotb_run_without_one_passing_test_and_a_trace_is_refused(
    small_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "cocotb_bench.py").write_text(text)
    monkeypatch.setattr(cocotb_bench, "resource_folder", lambda _: tmp_path)
    with pytest.raises(CreatorError, match=r"the bench failed|did not run|wrote no results"):
        creator.simulate(small_build)

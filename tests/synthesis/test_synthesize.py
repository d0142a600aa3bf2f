"""Synthesis with the real tools: figures, files, and faults that must stop it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, nn
from creator.affine import Affine
from creator.passes import OPTIMISE, run_passes
from creator.synthesis.synthesize import with_wide_constants
from tests.graph.chains import chain, linear, quantize, rescale

TOP = "vhdl/network_top.vhd"


def test_ecp5_is_placed_and_routed_with_a_bitstream(small_build: Path, tmp_path: Path) -> None:
    steps: list[str] = []
    report = creator.synthesize(small_build, "ecp5-25k", bitstream=tmp_path / "out.bit", progress=steps.append)
    assert report.dsps == 2
    assert report.brams == 0
    assert 100 < report.luts < 1000
    assert 100 < report.ffs < 1000
    assert report.fmax_mhz is not None
    assert 80 < report.fmax_mhz < 300
    assert report.inferences_per_second == pytest.approx(report.fmax_mhz * 1e6 / 30)
    assert report.available == creator.synthesis.TARGETS["ecp5-25k"].capacity
    assert "mac" in report.critical_path or "(" in report.critical_path
    assert len(steps) == 4
    assert (tmp_path / "out.bit").stat().st_size > 10000
    saved = json.loads((small_build / "synthesis" / "ecp5-25k" / "report.json").read_text())
    assert saved == report.summary()
    again = creator.synthesize(small_build, "ecp5-25k", bitstream=tmp_path / "again.bit")
    assert again == creator.synthesis.Report(**{**report.summary(), "edited": (), "bitstream": str(tmp_path / "again.bit")})
    assert (tmp_path / "again.bit").read_bytes() == (tmp_path / "out.bit").read_bytes()


def test_ice40_is_placed_and_routed_with_a_bitstream(small_build: Path, tmp_path: Path) -> None:
    report = creator.synthesize(small_build, "ice40-up5k", bitstream=tmp_path / "out.bin")
    assert report.dsps == 2
    assert report.fmax_mhz is not None
    assert report.fmax_mhz > 20
    assert report.available == creator.synthesis.TARGETS["ice40-up5k"].capacity
    assert (tmp_path / "out.bin").stat().st_size > 10000


def test_xc7_counts_resources_only_and_edited_files_are_named(small_build: Path, edit: Callable[..., None]) -> None:
    edit(TOP, "-- network_top", "-- edited: network_top")
    report = creator.synthesize(small_build, "xc7")
    assert report.edited == (TOP,)
    assert ("edited since translation", TOP) in report.rows()
    assert report.dsps == 2
    assert report.fmax_mhz is None
    assert 50 < report.luts < 500
    with pytest.raises(CreatorError, match="no bitstream for xc7"):
        creator.synthesize(small_build, "xc7", bitstream="x.bit")


def test_large_memories_become_block_ram(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(nn.Quantize(FixedPoint(8, 4)), nn.Linear(64, 32), nn.Tanh())
    folder = creator.translate(model, input_shape=64).write(tmp_path / "build")
    for target, least in (("ecp5-25k", 2), ("xc7", 1)):
        report = creator.synthesize(folder, target, route=False)
        assert report.brams >= least
        assert report.luts < 500


FAULTS = {
    "a latch or an undriven signal": (
        "signal held : std_logic;",
        "process (all) begin if s_axis_tvalid = '1' then held <= s_axis_tlast; end if; end process; m_axis_tlast <= held;",
    ),
    "a latch": (
        "signal held : std_logic;",
        "process (all) begin case s_axis_tvalid is when '1' => held <= s_axis_tlast; when others => null; end case;"
        " end process; m_axis_tlast <= held;",
    ),
    "a latch or an undriven": ("signal loose : std_logic;", "m_axis_tlast <= loose;"),
    "a combinational loop": ("signal a, b : std_logic;", "a <= b xor s_axis_tlast; b <= not a; m_axis_tlast <= b;"),
    "a net with several drivers": ("signal a : std_logic;", "a <= s_axis_tlast; a <= s_axis_tvalid; m_axis_tlast <= a;"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_logic_stops_synthesis(small_build: Path, edit: Callable[..., None], fault: str) -> None:
    declarations, body = FAULTS[fault]
    edit(TOP, "out_last  => m_axis_tlast", "out_last  => open")
    edit(TOP, "begin\n", f"  {declarations}\nbegin\n  {body}\n")
    with pytest.raises(CreatorError, match=f"the VHDL has {fault}"):
        creator.synthesize(small_build, "ecp5-25k")
    assert not (small_build / "synthesis" / "ecp5-25k" / "report.json").exists()


def test_an_unknown_target_is_refused_with_a_list(small_build: Path) -> None:
    with pytest.raises(CreatorError, match=r"target 'virtex' is unknown .*ecp5-25k"):
        creator.synthesize(small_build, "virtex")


def test_a_network_with_too_many_pins_is_refused(tmp_path: Path) -> None:
    wide = FixedPoint(16, 8)
    model = torch.nn.Sequential(nn.Quantize(wide), nn.Linear(2, 2, output=wide))
    folder = creator.translate(model, input_shape=2).write(tmp_path / "build")
    with pytest.raises(CreatorError, match="need 40 pins, ice40-up5k has 39"):
        creator.synthesize(folder, "ice40-up5k")


def test_a_missing_bitstream_folder_is_refused_before_any_work(small_build: Path, tmp_path: Path) -> None:
    with pytest.raises(CreatorError, match="the folder does not exist"):
        creator.synthesize(small_build, bitstream=tmp_path / "no" / "out.bit", progress=lambda _: pytest.fail("began"))


def test_constants_of_more_than_32_bits_reach_yosys_as_numbers(tmp_path: Path) -> None:
    """GHDL 2.0 writes them as strings of characters: the limits of a wide format would come out wrong, without a warning."""
    graph = chain(quantize(FixedPoint(40, 0)), entry=FixedPoint(52, 3))
    folder = creator.translate(graph).write(tmp_path / "build")
    creator.synthesize(folder, "ecp5-25k", route=False)
    verilog = (folder / "synthesis" / "ecp5-25k" / "network.v").read_text()
    assert '"' not in verilog
    assert f"40'b0{'1' * 39}" in verilog
    assert f"40'b1{'0' * 39}" in verilog


@pytest.mark.parametrize("width", [33, 40, 64])
def test_a_wide_constant_becomes_a_number(width: int) -> None:
    bits = "01" * (width // 2) + "1" * (width % 2)
    text = f'assign a = s ? "{bits}" : $signed("{bits}"); /* "name" */'
    assert with_wide_constants(text) == f"assign a = s ? {width}'b{bits} : $signed({width}'b{bits}); /* \"name\" */"


def test_a_multiplier_between_scales_takes_blocks_and_no_longer_path_than_its_layer(tmp_path: Path) -> None:
    """Sums of 21 bits times a factor of 16: two blocks beside that of the layer. A power of two takes none."""
    entry, output = Affine(0.05, 3, 8), Affine(0.1, -20, 8)
    sums = linear(64, 8, entry=entry.codes, weight_format=FixedPoint(8, 0), output=FixedPoint(52, 0))
    dsps, clocks = [], []
    for factors in ([2**15], [40001, 65535, 1, 2, 3, 50000, 7, 9]):
        graph = run_passes(chain(sums, rescale(factors, 23, output), shape=(64,), entry=entry), OPTIMISE)
        report = creator.synthesize(creator.translate(graph).write(tmp_path / f"build{len(dsps)}"), "ecp5-25k")
        assert graph.nodes[0].type.format.total_bits > 18
        assert report.fmax_mhz is not None
        dsps.append(report.dsps)
        clocks.append(report.fmax_mhz)
    assert dsps == [1, 3]
    assert min(clocks) > 100


@pytest.mark.extended
def test_a_hundred_thousand_weights_are_mapped_within_minutes(tmp_path: Path) -> None:
    """Read as assignments they took Yosys more than five minutes."""
    layer = linear(784, 128, weight_format=FixedPoint(8, 4), output=FixedPoint(8, -3))
    folder = creator.translate(chain(layer, shape=(784,))).write(tmp_path / "build")
    begun = time.monotonic()
    report = creator.synthesize(folder, "ecp5-85k")
    assert time.monotonic() - begun < 240
    assert 45 <= report.brams <= 60
    assert report.luts < 2000
    contents = [path.read_text().split() for path in (folder / "synthesis" / "ecp5-85k").glob("*_weights*.mem")]
    assert len(contents) > 1
    assert sum(map(len, contents)) == 784 * 128

"""What a simulation reports when all is well."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

import creator
from creator import CreatorError
from creator.graph.vectors import check_vectors
from creator.simulation.simulate import measured_interval


@pytest.mark.parametrize("bench", ["cocotb", "vhdl"])
@pytest.mark.parametrize("stalls", [False, 3])
@pytest.mark.parametrize("interrupt", [0, 8])
def test_both_benches_agree_with_the_graph(small_build: Path, small_graph, bench: str, stalls: int, interrupt: int) -> None:
    x = check_vectors(small_graph, 10)
    run = creator.simulate(small_build, x, bench=bench, stalls=stalls, interrupt=interrupt)
    assert run.passed
    assert run.mismatches == 0
    assert run.compared == 14 * 4
    assert run.outputs.shape == (14, 4)
    assert run.outputs.dtype == np.int64
    assert np.array_equal(run.outputs, small_graph.run(x))
    assert run.edited == ()


@pytest.mark.parametrize("bench", ["cocotb", "vhdl"])
def test_latency_and_interval_are_as_planned(small_build: Path, small_graph, bench: str) -> None:
    design = creator.translate(small_graph)
    run = creator.simulate(small_build, check_vectors(small_graph, 6), bench=bench)
    assert (run.latency, run.interval) == (design.latency, design.interval)
    assert design.interval == 30


@pytest.mark.parametrize(
    ("gaps", "interval"),
    [
        ([30], 30),
        ([9, 30, 30], 30),
        ([9, 9, 9, 9, 12, 12], 12),  # the queues are full late
        ([13, 13, 12, 11, 11, 12] * 6, 12),  # frames differ in turn: neither the last gap nor two equal ones are the interval
        ([13, 13, 12, 11, 11, 12] * 6 + [13, 13], 12),
        ([5, 4] * 9, 5),  # 4.5, rounded up
        ([7, 1, 2, 4], 3),  # nothing steady: the mean of the second half
    ],
)
def test_the_interval_is_the_mean_of_a_period(gaps: list[int], interval: int) -> None:
    assert measured_interval([0, *itertools.accumulate(gaps)]) == interval
    assert measured_interval([100, *(100 + end for end in itertools.accumulate(gaps))]) == interval


def test_stalls_leave_latency_and_interval_unmeasured(small_build: Path) -> None:
    run = creator.simulate(small_build, stalls=True, bench="vhdl")
    assert run.latency is None
    assert run.interval is None


def test_one_sample_is_enough_to_measure_the_interval(small_build: Path) -> None:
    run = creator.simulate(small_build, np.zeros((1, 6), dtype=np.int64), bench="vhdl")
    assert run.outputs.shape == (1, 4)
    assert run.interval == 30
    assert run.compared == 6 * 4


def test_without_vectors_corners_and_seeded_samples_are_used(small_build: Path) -> None:
    first, second = (creator.simulate(small_build, bench="vhdl") for _ in range(2))
    assert len(first.outputs) == 64
    assert np.array_equal(first.outputs, second.outputs)


def test_stalls_with_different_seeds_take_different_times(small_build: Path) -> None:
    runs = [creator.simulate(small_build, bench="vhdl", stalls=seed) for seed in (1, 2, 3)]
    assert len({run.cycles for run in runs}) > 1


@pytest.mark.parametrize("bench", ["cocotb", "vhdl"])
def test_waves_are_written(small_build: Path, tmp_path: Path, bench: str) -> None:
    waves = tmp_path / "run.ghw"
    creator.simulate(small_build, bench=bench, waves=waves)
    assert waves.read_bytes().startswith(b"GHDLwave")


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 5), dtype=int), r"expected shape \(batch, 6\), got \(3, 5\)"),
        (np.zeros(6, dtype=int), r"expected shape"),
        (np.zeros((3, 6)), r"expected integer codes"),
        (np.full((3, 6), 128), r"code 128 is outside fixed<8,4>"),
        (np.full((3, 6), -129), r"code -129 is outside"),
        (np.zeros((0, 6), dtype=int), r"there are no vectors"),
    ],
)
def test_bad_vectors_are_refused(small_build: Path, x: np.ndarray, message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        creator.simulate(small_build, x)


def test_an_unknown_bench_is_refused(small_build: Path) -> None:
    with pytest.raises(CreatorError, match="bench='verilator' is unknown"):
        creator.simulate(small_build, bench="verilator")


def test_a_folder_that_is_no_build_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CreatorError, match="is not a creator build"):
        creator.simulate(tmp_path)
    with pytest.raises(CreatorError, match="there is no such folder"):
        creator.simulate(tmp_path / "nothing")


def test_a_build_with_a_missing_file_is_refused(small_build: Path) -> None:
    (small_build / "vhdl" / "network.vhd").unlink()
    with pytest.raises(CreatorError, match=r"the file vhdl/network.vhd is missing"):
        creator.simulate(small_build)

"""Buffers are as large as they have to be: with less the network is slower, and with more it is not faster."""

from __future__ import annotations

from pathlib import Path

import pytest

import creator
from creator.graph.vectors import check_vectors
from creator.schedule.timeline import frame_ends
from tests.graph.chains import chain, linear

QUEUE = "vhdl/creator_stream_queue.vhd"
PLACES = "place_bits : positive := 3"


def edited(folder: Path, path: str, old: str, new: str) -> None:
    """Replaces what occurs exactly once."""
    text = (folder / path).read_text()
    assert text.count(old) == 1
    (folder / path).write_text(text.replace(old, new))


def cycles(folder: Path, graph: creator.Graph, stalls: int) -> int:
    run = creator.simulate(folder, check_vectors(graph, 60, seed=1), bench="vhdl", stalls=stalls)
    assert run.mismatches == 0, run.first
    return run.cycles


@pytest.mark.parametrize("seed", [1, 2])
def test_a_queue_of_fewer_places_is_slower_and_one_of_more_no_faster(seed: int, tmp_path: Path) -> None:
    graph = chain(linear(6, 8), shape=(6,))
    design = creator.translate(graph, "full-lanes")
    took = {}
    for bits in (2, 3, 4):
        folder = design.write(tmp_path / str(bits))
        edited(folder, QUEUE, PLACES, PLACES.replace("3", str(bits)))
        took[bits] = cycles(folder, graph, seed)
    assert took[2] > took[3] >= took[4]


def test_one_bank_of_inputs_is_slower(tmp_path: Path) -> None:
    graph = chain(linear(6, 4), shape=(6,))
    design = creator.translate(graph)
    folder = design.write(tmp_path / "build")
    x = check_vectors(graph, 8, seed=1)
    assert creator.simulate(folder, x, bench="vhdl").interval == design.interval == 24
    core = "vhdl/network_layer_0.vhd"
    edited(folder, core, "in_ready    <= not both_full;", "in_ready    <= not any_full;")
    edited(folder, core, "in_valid and not both_full;", "in_valid and not any_full;")
    run = creator.simulate(folder, x, bench="vhdl")
    assert run.mismatches == 0
    assert run.interval > design.interval + graph.input_type.size - 2


@pytest.mark.parametrize("lanes", [{"layer.0": (6, 2)}, {"layer.0": (6, 5), "layer.1": (1, 2)}, {"layer.0": (3, 10)}], ids=str)
def test_a_queue_that_fills_is_as_the_model_says(lanes: dict, tmp_path: Path) -> None:
    """The second core is slower than the first: whether a beat fits decides about every frame's time."""
    graph = chain(linear(6, 40), linear(40, 3), shape=(6,))
    design = creator.translate(graph, lanes=lanes)
    run = creator.simulate(design.write(tmp_path / "build"), check_vectors(graph, 8, seed=1), bench="vhdl")
    assert run.mismatches == 0
    assert list(run.ends) == frame_ends(design.plan, len(run.ends))

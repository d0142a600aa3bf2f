"""Packed netlists behave as before in every cycle, and compute what the graph computes."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import creator
from creator import FixedPoint
from creator.affine import Affine
from creator.build_folder import BuildFolder
from creator.graph import Graph
from creator.passes import OPTIMISE, run_passes
from creator.synthesis.pack_registers import pack_registers
from creator.synthesis.synthesize import _Flow
from creator.targets import find_target
from creator.tools import find_tool
from tests.graph.chains import chain, linear, rescale
from tests.synthesis.netlist_simulator import Netlist


def mapped(graph: Graph, folder: Path, lanes: dict[str, tuple[int, int]] | None = None) -> dict[str, Any]:
    """The netlist that Yosys maps to ECP5, before registers are packed."""
    build = BuildFolder.open(creator.translate(graph, lanes=lanes).write(folder / "build"))
    flow = _Flow(build, find_target("ecp5-25k"), folder, {"yosys": find_tool("yosys")}, lambda _: None)
    flow._verilog()
    flow._yosys()
    netlist: dict[str, Any] = json.loads((folder / "mapped.json").read_text())
    return {"modules": {"network_top": netlist["modules"]["network_top"]}}


def run(module: dict[str, Any], frames: list[list[int]], cycles: int) -> tuple[list[tuple[int, ...]], list[int]]:
    """All outputs in every cycle, and the elements taken after the last reset.

    Valid and ready come at random, with long stalls. After a reset in the middle of a frame the
    frames begin anew.
    """
    net, chance = Netlist(module), random.Random(1)
    names = [name for name, port in module["ports"].items() if port["direction"] == "output"]
    elements = [element for frame in frames for element in frame]
    place, offered = 0, False
    seen: list[tuple[int, ...]] = []
    taken: list[int] = []
    for cycle in range(cycles):
        reset = cycle < 3 or cycle in (cycles // 5, cycles // 5 + 1)
        if reset:
            place, taken, offered = 0, [], False
        offered = offered or (place < len(elements) and chance.random() < 0.8)
        take = chance.random() < (0.2 if cycle // 150 % 2 else 0.95)
        net.write("aresetn", not reset)
        net.write("s_axis_tvalid", offered)
        net.write("s_axis_tdata", elements[place] if offered else chance.getrandbits(8))
        net.write("s_axis_tlast", chance.getrandbits(1))
        net.write("m_axis_tready", take)
        net.settle()
        seen.append(tuple(net.read(name) for name in names))
        if not reset and net.read("m_axis_tvalid") and take:
            taken.append(net.read("m_axis_tdata"))
        if not reset and offered and net.read("s_axis_tready"):
            place, offered = place + 1, False
        net.clock()
    return seen, taken


def two_layers(inputs: int, hidden: int, outputs: int) -> Graph:
    """Formats that the sums fill, but seldom exceed: nearly every bit of a product shows at the output."""
    middle, wide = FixedPoint(8, -1), FixedPoint(8, -4)
    first = linear(inputs, hidden, weight_format=FixedPoint(7, 4), output=middle)
    second = linear(hidden, outputs, entry=middle, weight_format=FixedPoint(6, 4), output=wide, seed=1)
    return chain(first, second, shape=(inputs,))


def scaled() -> Graph:
    """Products of two parts; the multipliers share operands."""
    entry, output = Affine(0.05, 3, 8), Affine(0.1, -20, 8)
    sums = linear(64, 8, entry=entry.codes, weight_format=FixedPoint(8, 0), output=FixedPoint(52, 0))
    factors = [40001, 65535, 1, 2, 3, 50000, 7, 9]
    return run_passes(chain(sums, rescale(factors, 23, output), shape=(64,), entry=entry), OPTIMISE)


# From 2048 words on, the weights of a layer take several memories, with a choice behind them.
CASES: dict[str, tuple[Callable[[], Graph], dict[str, int], int]] = {
    "small": (lambda: two_layers(12, 6, 9), {"products": 2, "operands": 2}, 3000),
    "one memory each": (lambda: two_layers(40, 50, 40), {"memory outputs": 2, "products": 2, "operands": 2}, 9000),
    "two memories": (lambda: two_layers(40, 60, 3), {"memory outputs": 2, "products": 2, "operands": 2}, 9000),
    "inputs in a memory": (lambda: two_layers(300, 4, 3), {"memory outputs": 2, "products": 2, "operands": 2}, 8000),
    "scaled": (scaled, {"products": 3, "operands": 3}, 4000),
}


@pytest.mark.parametrize("case", CASES)
def test_packing_changes_nothing_that_can_be_seen(case: str, tmp_path: Path) -> None:
    make, expected, cycles = CASES[case]
    graph = make()
    before = mapped(graph, tmp_path)
    after = copy.deepcopy(before)
    packed = pack_registers(after, "network_top")
    assert packed["flip-flops"] > 10
    assert {name: packed[name] for name in expected} == expected
    form = graph.input_type.format
    low, bits = form.min_code, form.total_bits
    codes = np.random.default_rng(2).integers(low, form.max_code, (40, graph.input_type.size), endpoint=True)
    frames = (codes & (1 << 8 * -(-bits // 8)) - 1).tolist()
    seen, taken = run(before["modules"]["network_top"], frames, cycles)
    assert run(after["modules"]["network_top"], frames, cycles) == (seen, taken)
    results = graph.run(codes).reshape(-1)
    width = len(before["modules"]["network_top"]["ports"]["m_axis_tdata"]["bits"])
    assert len(taken) >= 6
    assert taken == [int(code) & (1 << width) - 1 for code in results[: len(taken)]]


def test_words_of_36_bits_have_their_register_in_the_memory(tmp_path: Path) -> None:
    graph = two_layers(36, 48, 6)
    before = mapped(graph, tmp_path, {"layer.0": (5, 1), "layer.1": (4, 2)})
    after = copy.deepcopy(before)
    packed = pack_registers(after, "network_top")
    wide = [cell for cell in after["modules"]["network_top"]["cells"].values() if cell["type"] == "DP16KD"]
    assert {int(cell["parameters"]["DATA_WIDTH_B"], 2) for cell in wide} == {36}
    assert {cell["parameters"][f"REGMODE_{side}"] for cell in wide for side in "AB"} == {"OUTREG"}
    assert packed["memory outputs"] == len(wide) > 0
    codes = np.random.default_rng(3).integers(-128, 127, (30, 36), endpoint=True)
    frames = (codes & 255).tolist()
    seen, taken = run(before["modules"]["network_top"], frames, 5000)
    assert run(after["modules"]["network_top"], frames, 5000) == (seen, taken)
    assert len(taken) >= 6


def test_written_words_of_36_bits_have_their_register_in_the_memory(tmp_path: Path) -> None:
    graph = chain(linear(256, 3), shape=(256,))
    before = mapped(graph, tmp_path, {"layer.0": (4, 1)})
    after = copy.deepcopy(before)
    pack_registers(after, "network_top")
    cells = after["modules"]["network_top"]["cells"].values()
    (ram,) = (cell for cell in cells if cell["type"] == "DP16KD" and cell["connections"]["CEA"] != ["0"])
    assert int(ram["parameters"]["DATA_WIDTH_B"], 2) == 36
    assert {ram["parameters"][f"REGMODE_{side}"] for side in "AB"} == {"OUTREG"}
    codes = np.random.default_rng(3).integers(-128, 127, (9, 256), endpoint=True)
    frames = ((codes & 255).reshape(9, 64, 4) << np.arange(0, 32, 8)).sum(axis=2).tolist()
    seen, taken = run(before["modules"]["network_top"], frames, 3500)
    assert run(after["modules"]["network_top"], frames, 3500) == (seen, taken)
    assert len(taken) >= 6
    assert taken == [int(code) & 255 for code in graph.run(codes).reshape(-1)[: len(taken)]]


@pytest.mark.parametrize(
    ("sizes", "ports", "cycles"),
    [((12, 6, 9), 2, 3000), pytest.param((40, 50, 40), 4, 20000, marks=pytest.mark.extended)],
)
def test_an_enable_that_is_lost_is_seen(sizes: tuple[int, int, int], ports: int, cycles: int, tmp_path: Path) -> None:
    """What the comparison above can see: each register in a block must stall with the pipeline."""
    before = mapped(two_layers(*sizes), tmp_path)
    module = before["modules"]["network_top"]
    frames = np.random.default_rng(2).integers(0, 256, (20, sizes[0])).tolist()
    expected = run(module, frames, cycles)
    pack_registers(before, "network_top")
    seen = {}
    for name, cell in module["cells"].items():
        for port in ("CE0", "OCEA"):
            kept = cell["connections"].get(port, ["1"])
            if kept != ["1"]:
                cell["connections"][port] = ["1"]
                seen[name, port] = run(module, frames, cycles) != expected
                cell["connections"][port] = kept
    assert len(seen) == ports
    assert all(seen.values()), seen

"""Random networks: the netlist that synthesis leaves gives the integers of the VHDL and of the graph."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import creator
from creator import Design
from creator.graph.vectors import check_vectors
from creator.targets import find_target
from tests.fuzz.explore import explore
from tests.fuzz.trial import Trial
from tests.synthesis.netlists import Bench, Module, netlist
from tests.synthesis.test_packed_networks import scaled, two_layers

TARGETS = ("ecp5-25k", "ice40-up5k", "gw1n-9c", "lifcl-40", "gw2a-18c")
CELLS = 1000
"""Look-up tables and flip-flops, as estimated, that a network may have: Yosys takes some seconds for so many."""

FEW_CELLS = 200

QUICK, EXTENDED = (0, 6, 2, 8, 4), 120  # every target once, both kinds of networks


class Found(BaseException):
    """Ends the drawing of networks; not an error that Hypothesis would look into."""


def design_of(index: int) -> Design:
    """The first network of a seed that is small enough, and not too small."""
    found: list[Design] = []

    def keep(trial: Trial) -> None:
        design = trial.design()
        total = design.estimate.total
        if FEW_CELLS <= total.luts + total.ffs <= CELLS:
            found.append(design)
            raise Found

    with pytest.raises(Found):
        explore(("mlp", "scales")[index // len(TARGETS) % 2], 5000 + index, 40, keep)
    return found[0]


def agree(design: Design, target: str, folder: Path, seed: int) -> tuple[Bench, Module, int]:
    """Runs VHDL and netlist; the bench, the netlist and how many integers were compared."""
    graph = design.graph
    codes = check_vectors(graph, min(24, max(1, 3000 // design.interval - 4)), seed)
    module = netlist(design, target, folder)
    run = creator.simulate(folder / "build", codes, bench="vhdl", stalls=seed % 3, interrupt=seed % 5)
    assert run.mismatches == 0, run.first
    assert np.array_equal(run.outputs, graph.run(codes))
    bench = Bench(graph, design.manifest, codes, run.outputs)
    seen = bench.run(module, find_target(target).family)
    compared, different = bench.compare(seen)
    assert different == 0
    assert len(seen) == len(bench.expected)
    assert compared == run.outputs.size >= 5
    return bench, module, compared


INDICES = [pytest.param(i, marks=[] if i in QUICK else pytest.mark.extended) for i in range(EXTENDED)]


@pytest.mark.parametrize("index", INDICES)
def test_a_netlist_gives_the_integers_of_the_vhdl(index: int, tmp_path: Path, record_property) -> None:
    _, _, compared = agree(design_of(index), TARGETS[index % len(TARGETS)], tmp_path, index)
    record_property("netlists", 1)
    record_property("netlists: integers compared", compared)


@pytest.mark.parametrize("target", ["lifcl-40", pytest.param("gw2a-18c", marks=pytest.mark.extended)])
def test_a_register_before_several_multipliers_reaches_them_all(target: str, tmp_path: Path) -> None:
    """Yosys 0.70 moved it into one of them on Nexus and gave the others zeros."""
    _, module, _ = agree(creator.translate(scaled()), target, tmp_path, 1)
    assert sum(cell["type"].startswith("MULT") for cell in module["cells"].values()) == 3


Change = Callable[[Module, random.Random], None]


def flipped(module: Module, chance: random.Random, kinds: tuple[str, ...], prefix: str) -> None:
    """One 1 among the bits of the parameters that begin with ``prefix`` becomes a 0."""
    parameters = [
        (cell["parameters"], name)
        for cell in module["cells"].values()
        for name, value in cell["parameters"].items()
        if cell["type"].startswith(kinds) and name.startswith(prefix) and "1" in value
    ]
    values, name = chance.choice(parameters)
    place = chance.choice([index for index, bit in enumerate(values[name]) if bit == "1"])
    values[name] = f"{values[name][:place]}0{values[name][place + 1 :]}"


def swapped(module: Module, chance: random.Random, kinds: tuple[str, ...], port: str) -> None:
    """Two cells get each other's input."""
    cells = [cell["connections"] for cell in module["cells"].values() if cell["type"].startswith(kinds)]
    one, two = chance.sample([cell for cell in cells if isinstance(cell[port][0], int)], 2)
    one[port], two[port] = two[port], one[port]


def crossed(module: Module, chance: random.Random) -> None:
    """The two lowest bits of a multiplier's operand change places."""
    bits = chance.choice([cell["connections"] for cell in module["cells"].values() if cell["type"].startswith("MULT")])["A"]
    bits[0], bits[1] = bits[1], bits[0]


def unregistered(module: Module, chance: random.Random) -> None:
    """A multiplier loses a register."""
    cells = [cell["parameters"] for cell in module["cells"].values() if cell["type"] == "MULT18X18D"]
    values, name = chance.choice([(cell, name) for cell in cells for name in cell if re.fullmatch(r"REG_\w+_CLK", name)])
    values[name] = "NONE"


# How to corrupt a netlist, and how many of eight such changes at least must show: some bits of a table are never read.
CORRUPTIONS: dict[str, dict[str, tuple[Change, int]]] = {
    "ecp5-25k": {
        "a bit of a look-up table": (lambda m, c: flipped(m, c, ("LUT4",), "INIT"), 2),
        "a bit of a block RAM": (lambda m, c: flipped(m, c, ("DP16KD",), "INITVAL"), 6),
        "a parameter of a multiplier": (unregistered, 8),
        "two wires": (lambda m, c: swapped(m, c, ("TRELLIS_FF",), "DI"), 6),
    },
    "gw1n-9c": {
        "a bit of a look-up table": (lambda m, c: flipped(m, c, ("LUT",), "INIT"), 2),
        "a bit of a block RAM": (lambda m, c: flipped(m, c, ("SPX9",), "INIT_RAM"), 6),
        "two bits of an operand": (crossed, 8),
        "two wires": (lambda m, c: swapped(m, c, ("DFF",), "D"), 6),
    },
}


@pytest.mark.parametrize("target", ["ecp5-25k", pytest.param("gw1n-9c", marks=pytest.mark.extended)])
def test_a_corrupted_netlist_is_seen(target: str, tmp_path: Path) -> None:
    bench, module, _ = agree(creator.translate(two_layers(64, 8, 5)), target, tmp_path, 2)
    seen = {}
    for name, (change, _) in CORRUPTIONS[target].items():
        seen[name] = 0
        for seed in range(8):
            wrong = copy.deepcopy(module)
            change(wrong, random.Random(seed))
            assert wrong != module
            seen[name] += differs(bench, wrong, find_target(target).family)
    assert all(seen[name] >= least for name, (_, least) in CORRUPTIONS[target].items()), seen


def differs(bench: Bench, module: Module, family: str) -> bool:
    """Whether a run of this netlist fails."""
    try:
        beats = bench.run(module, family)
    except AssertionError:
        return True
    return len(beats) != len(bench.expected) or bench.compare(beats)[1] > 0

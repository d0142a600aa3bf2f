"""The text of graphs and VHDL, byte for byte, so that every change of it is seen and meant.

``CREATOR_UPDATE_GOLDEN=1 make test`` writes the files anew; read the difference before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import creator
from creator import FixedPoint, Overflow, Rounding
from creator.graph import Builder, Graph
from creator.ops import Clamp, Linear, Lookup, Quantize, Reshape, TensorType
from creator.passes import OPTIMISE, run_passes

FILES = Path(__file__).parent / "files"
F = FixedPoint


def network() -> Graph:
    """Every operation once, built without torch, so that nothing random or floating is in it."""
    builder = Builder(TensorType((2, 3), F(4, 2)))
    flat = builder.add(Reshape((6,)), builder.input, ("flatten",))
    weight = np.arange(-9, 9).reshape(3, 6) % 7 - 3
    linear = Linear(weight, F(3, 1), np.array([5, 0, -7]), F(40, 3), F(6, 2), Rounding.HALF_EVEN, Overflow.SATURATE, -32, 31)
    first = builder.add(linear, flat, ("encoder.0",))
    relu = builder.add(Clamp(0, 31), first, ("encoder.1",))
    table = builder.add(Lookup(np.arange(64) ** 2 % 32 - 16, F(5, 3)), relu, ("square",))
    change = Quantize(F(4, 1, signed=False), Rounding.HALF_AWAY, Overflow.WRAP, 0, 15)
    changed = builder.add(change, table, ('odd "name"',))
    return builder.graph(builder.add(Clamp(2, 11), changed, ("limit",)))


def compare(name: str, text: str) -> None:
    path = FILES / name
    if os.environ.get("CREATOR_UPDATE_GOLDEN") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert path.is_file(), f"{path} is missing; make it with CREATOR_UPDATE_GOLDEN=1"
    assert text == path.read_text()


def test_graph_text() -> None:
    compare("traced.txt", network().text())
    compare("optimised.txt", run_passes(network(), OPTIMISE).text())


def test_plan_text() -> None:
    compare("plan.txt", creator.translate(network()).plan.text())


def rendered() -> dict[str, str]:
    """What templates made; the library's files are the same text in ``vhdl/``."""
    design = creator.translate(run_passes(network(), OPTIMISE), name="golden")
    return {path: design.files[path].decode() for path in design.files if path.endswith(".vhd") and "creator_" not in path}


@pytest.mark.parametrize("path", sorted(rendered()))
def test_vhdl(path: str) -> None:
    compare(Path(path).name, rendered()[path])


def test_no_golden_file_is_left_over() -> None:
    expected = {"traced.txt", "optimised.txt", "plan.txt", *(Path(path).name for path in rendered())}
    assert {path.name for path in FILES.iterdir()} == expected


def test_the_golden_network_is_bit_exact(tmp_path: Path) -> None:
    folder = creator.translate(run_passes(network(), OPTIMISE), name="golden").write(tmp_path / "build")
    assert creator.simulate(folder, bench="vhdl").passed

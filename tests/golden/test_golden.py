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
from creator.affine import Affine
from creator.graph import Builder, Graph
from creator.ops import Clamp, Linear, Lookup, Quantize, Rescale, Reshape, TensorType
from creator.passes import OPTIMISE, run_passes

FILES = Path(__file__).parent / "files"
F = FixedPoint


def network() -> Graph:
    """Operations between powers of two, built without torch, so that nothing random or floating is in it."""
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


def scaled() -> Graph:
    """Operations between arbitrary scales."""
    builder = Builder(TensorType((4,), Affine(0.05, 3, 6)))
    weight = np.arange(-6, 6).reshape(3, 4) % 5 - 2
    exact = F(52, 0)
    linear = Linear(weight, F(3, 0), np.array([5, 0, -7]), exact, exact, Rounding.HALF_EVEN, Overflow.SATURATE,
                    exact.min_code, exact.max_code)  # fmt: skip
    sums = builder.add(linear, builder.input, ("fc",))
    output = Affine(0.1, -20, 8)
    factors = np.array([40001, 65535, 3])
    first = builder.add(Rescale(factors, 15, output, Rounding.HALF_EVEN, -128, 127), sums, ("fc",), "fc_rescale")
    relu = builder.add(Clamp(-20, 127), first, ("relu",))
    wide = builder.add(Rescale(np.array([100003]), 14, F(20, 4), Rounding.HALF_AWAY, -(2**19), 2**19 - 1), relu, ("wide",))
    return builder.graph(builder.add(Rescale(np.array([4]), 9, output, Rounding.HALF_UP, -128, 127), wide, ("half",)))


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
    compare("affine_traced.txt", scaled().text())
    compare("affine_optimised.txt", run_passes(scaled(), OPTIMISE).text())


def test_plan_text() -> None:
    compare("plan.txt", creator.translate(network()).estimate.text())
    compare("affine_plan.txt", creator.translate(scaled()).estimate.text())


def rendered() -> dict[str, str]:
    """What templates made; the library's files are the same text in ``vhdl/``, and a bench is like the other."""
    design = creator.translate(run_passes(network(), OPTIMISE), name="golden")
    affine = creator.translate(run_passes(scaled(), OPTIMISE), name="affine")
    files = dict.fromkeys(design.files, design.files) | {path: affine.files for path in affine.files if "sim/" not in path}
    return {path: found[path].decode() for path, found in files.items() if path.endswith(".vhd") and "creator_" not in path}


@pytest.mark.parametrize("path", sorted(rendered()))
def test_vhdl(path: str) -> None:
    compare(Path(path).name, rendered()[path])


def test_no_golden_file_is_left_over() -> None:
    texts = {"traced.txt", "optimised.txt", "plan.txt"}
    expected = {*texts, *(f"affine_{name}" for name in texts), *(Path(path).name for path in rendered())}
    assert {path.name for path in FILES.iterdir()} == expected


@pytest.mark.parametrize("make", [network, scaled])
def test_the_golden_networks_are_bit_exact(tmp_path: Path, make) -> None:
    folder = creator.translate(run_passes(make(), OPTIMISE), name="golden").write(tmp_path / "build")
    assert creator.simulate(folder, bench="vhdl").passed

"""The area of six reference networks, exactly, with the versions of the tools in ``area/*.json``.

A change of an area is made on purpose or not at all. ``CREATOR_UPDATE_AREA="why it changed" make test`` pins what is found now,
with that reason, which must then stand in CHANGELOG.md.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import creator
from creator import Design, FixedPoint
from creator.affine import Affine
from creator.ops import Clamp
from creator.passes import OPTIMISE, run_passes
from creator.tools import find_tool
from tests.graph.chains import chain, linear, quantize, rescale, table

PINS = Path(__file__).parent / "area"
CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
KINDS = ("luts", "ffs", "dsps", "brams")
F = FixedPoint


def perceptron(*sizes: int, bits: int, asked: str | int = "serial", target: str | None = None) -> Design:
    """Linear layers with ReLU between them, the same integer weights on every machine."""
    entry, form, weights = F(bits, bits - 3), F(bits, bits - 4), F(bits, bits - 1)
    ops: list[Any] = []
    for index, (n, m) in enumerate(itertools.pairwise(sizes)):
        last = index == len(sizes) - 2
        ops.append(linear(n, m, weight_format=weights, entry=form if index else entry, output=form, seed=index))
        ops += [] if last else [Clamp(0, form.max_code)]
    graph = run_passes(chain(*ops, shape=(sizes[0],), entry=entry), OPTIMISE)
    return creator.translate(graph, asked, target=target)


def tables() -> Design:
    """A layer, a table, a change of format and another table."""
    steps = (linear(10, 6), table(F(7, 6)), quantize(F(6, 4)), table(F(9, 3), bits=6))
    return creator.translate(chain(*steps, shape=(10,)))


def scales() -> Design:
    """Two layers between arbitrary scales, one of them with a factor for each channel."""
    entry, middle, output = Affine(0.05, 3, 8), Affine(0.1, -20, 8), Affine(0.3, 1, 6)
    weights = F(8, 0)
    first = linear(24, 8, entry=entry.codes, weight_format=weights, output=F(52, 0))
    second = linear(8, 4, entry=middle.codes, weight_format=weights, output=F(52, 0), seed=1)
    steps = (first, rescale([40001, 65535, 1, 2, 3, 50000, 7, 9], 20, middle), second, rescale([30011], 21, output))
    return creator.translate(run_passes(chain(*steps, shape=(24,), entry=entry), OPTIMISE))


# The digits demo's shape and bits; the two smaller networks of the benchmark, serial and wide; tables; scales.
NETWORKS: dict[str, tuple[Callable[[], Design], str]] = {
    "digits 64-32-32-10, serial": (lambda: perceptron(64, 32, 32, 10, bits=6), "ecp5-25k"),
    "16-64-32-32-5, 256 cycles": (lambda: perceptron(16, 64, 32, 32, 5, bits=8, asked=256, target="ecp5-25k"), "ecp5-25k"),
    "64-32-16-10, serial": (lambda: perceptron(64, 32, 16, 10, bits=8), "gw2a-18c"),
    "64-32-16-10, 256 cycles": (lambda: perceptron(64, 32, 16, 10, bits=8, asked=256, target="xc7a35t"), "xc7"),
    "tables": (tables, "ice40-up5k"),
    "scales": (scales, "lifcl-40"),
}


@functools.cache
def versions() -> dict[str, str]:
    """GHDL's and Yosys's, the first number in what they print."""
    found = {}
    for name, option in (("ghdl", "--version"), ("yosys", "-V")):
        text = subprocess.run([find_tool(name), option], capture_output=True, text=True, check=True).stdout
        number = re.search(r"\d+(\.\d+)+", text)
        assert number is not None, text
        found[name] = number[0]
    return found


def seal(pin: dict[str, Any]) -> str:
    """So that numbers are not changed without a new reason."""
    text = json.dumps({name: value for name, value in pin.items() if name != "seal"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def path_of(name: str) -> Path:
    return PINS / f"{re.sub('[^0-9a-z]+', '-', name)}.json"


def comparison(name: str, old: dict[str, Any], new: dict[str, Any]) -> str:
    """A small table, and what to do."""
    area = [old.get("area", {}), new["area"]]
    lines = [f"the area of {name} changed ({new['target']}):", "", f"{'':12}{'pinned':>10}{'found':>10}"]
    lines += [f"{kind:12}{area[0].get(kind, '-'):>10}{area[1][kind]:>10}" for kind in KINDS]
    lines += [f"{tool:12}{old.get('tools', {}).get(tool, '-'):>10}{new['tools'][tool]:>10}" for tool in new["tools"]]
    return "\n".join([*lines, "", 'if that is meant: CREATOR_UPDATE_AREA="why" make test, and the same words in CHANGELOG.md'])


def pinned(name: str) -> dict[str, Any]:
    path = path_of(name)
    return dict(json.loads(path.read_text())) if path.is_file() else {}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_area_is_the_pinned_one(name: str, tmp_path: Path, record_property) -> None:
    make, target = NETWORKS[name]
    report = creator.synthesize(make().write(tmp_path / "build"), target, route=False)
    new: dict[str, Any] = {"target": target, "area": {kind: getattr(report, kind) for kind in KINDS}, "tools": versions()}
    old, reason = pinned(name), os.environ.get("CREATOR_UPDATE_AREA")
    same = all(old.get(key) == new[key] for key in ("target", "area"))
    if reason and not same:
        assert reason != old.get("reason"), "a change needs a reason of its own"
        new["reason"] = reason
        path_of(name).write_text(json.dumps(new | {"seal": seal(new)}, indent=2) + "\n")
        same = True
    assert same, comparison(name, old, new)
    record_property("area pins", 1)


def faults(pins: dict[str, dict[str, Any]], changelog: str) -> list[str]:
    """Pins that were changed by hand, or whose reason the changelog does not give."""
    return [
        f"{name}: {fault}"
        for name, pin in pins.items()
        for fault, holds in (
            ("it was not made by CREATOR_UPDATE_AREA", pin.get("seal") != seal(pin)),
            (f"CHANGELOG.md does not say {pin.get('reason')!r}", not pin.get("reason") or pin["reason"] not in changelog),
        )
        if holds
    ]


def test_every_pin_has_its_reason_in_the_changelog() -> None:
    assert {path.name for path in PINS.iterdir()} == {path_of(name).name for name in NETWORKS}
    assert faults({name: pinned(name) for name in NETWORKS}, CHANGELOG.read_text()) == []


def test_a_changed_pin_without_a_reason_is_found() -> None:
    name = next(iter(NETWORKS))
    pin = pinned(name)
    smaller = pin | {"area": pin["area"] | {"luts": pin["area"]["luts"] - 1}}
    assert faults({name: pin}, pin["reason"]) == []
    assert faults({name: smaller}, pin["reason"]) == [f"{name}: it was not made by CREATOR_UPDATE_AREA"]
    other = pin | {"reason": "because"}
    assert faults({name: other | {"seal": seal(other)}}, pin["reason"]) == [f"{name}: CHANGELOG.md does not say 'because'"]
    found = {"target": pin["target"], "area": smaller["area"], "tools": pin["tools"]}
    assert re.search(rf"luts +{pin['area']['luts']} +{pin['area']['luts'] - 1}\n", comparison(name, pin, found))

"""What families say of multipliers and memories; the counts are those that Yosys 0.70 maps such operands to."""

from __future__ import annotations

from pathlib import Path

import pytest

import creator
from creator import FixedPoint
from creator.targets import FAMILIES, TARGETS
from tests.graph.chains import chain, linear, table

F = FixedPoint


def test_every_target_has_a_family_and_every_family_a_target() -> None:
    assert {target.family for target in TARGETS.values()} == set(FAMILIES)


@pytest.mark.parametrize(
    ("family", "operands", "blocks"),
    [
        ("ecp5", (2, 2), 1), ("ecp5", (18, 18), 1), ("ecp5", (18, 19), 2), ("ecp5", (19, 19), 4),
        ("nexus", (3, 2), 0), ("nexus", (9, 9), 0.5), ("nexus", (18, 18), 1),
        ("gowin", (8, 3), 0), ("gowin", (4, 4), 0.5), ("gowin", (9, 9), 0.5), ("gowin", (10, 4), 1), ("gowin", (18, 3), 0),
        ("ice40", (8, 2), 0), ("ice40", (8, 3), 1), ("ice40", (5, 5), 0), ("ice40", (16, 16), 1),
        ("xc7", (4, 4), 0), ("xc7", (6, 2), 0), ("xc7", (6, 3), 1), ("xc7", (25, 18), 1),
        ("xc7", (26, 18), 2),
    ],
)  # fmt: skip
def test_multipliers(family: str, operands: tuple[int, int], blocks: float) -> None:
    assert FAMILIES[family].multiplier_blocks(*operands) == blocks
    assert FAMILIES[family].multiplier_blocks(*operands[::-1]) == blocks


@pytest.mark.parametrize(
    ("family", "words", "width", "written", "blocks"),
    [
        ("ecp5", 64, 32, True, 1), ("ecp5", 64, 31, False, 1), ("ecp5", 32, 72, False, 2), ("ecp5", 1024, 36, True, 2),
        ("xc7", 128, 36, True, 0.5), ("xc7", 64, 72, False, 1), ("xc7", 512, 8, True, 0.5), ("xc7", 512, 72, True, 1),
        ("ice40", 8, 16, True, 1), ("ice40", 4, 36, False, 3), ("ice40", 16, 8, True, 1), ("ice40", 16, 4, False, 1),
        ("ice40", 256, 36, True, 3), ("ice40", 1024, 16, True, 4),
    ],
)  # fmt: skip
def test_memories(family: str, words: int, width: int, written: bool, blocks: float) -> None:
    assert FAMILIES[family].is_block_ram(words, width) == written
    assert FAMILIES[family].block_rams(words, width) == blocks


@pytest.mark.parametrize("target", ["ecp5-25k", "ice40-up5k", "lifcl-40", "gw2a-18c", "xc7a35t"])
def test_multipliers_and_block_rams_are_those_that_yosys_finds(target: str, tmp_path: Path) -> None:
    narrow = {"weight_format": F(4, 2)}
    graph = chain(linear(40, 24), linear(24, 10, **narrow), table(F(8, 4)), linear(10, 3, weight_format=F(3, 1)), shape=(40,))
    design = creator.translate(graph, lanes={"layer.0": (1, 2), "layer.1": (1, 2)}, target=target, parallelism="serial")
    report = creator.synthesize(design.write(tmp_path / "build"), target, route=False)
    total = design.estimate.total
    assert report.dsps == -(-total.dsps // 1)
    assert report.brams == total.brams
    assert report.available == TARGETS[target].capacity

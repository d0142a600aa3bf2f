"""Several place and route runs: the fastest stays, whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import creator
from creator import CreatorError


def test_the_fastest_of_several_seeds_stays(small_build: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    best = creator.synthesize(small_build, seeds=2, bitstream=tmp_path / "best.bit", progress=lines.append)
    folder = small_build / "synthesis" / "ecp5-25k"
    assert best.seed in (1, 2)
    assert sum("place and route" in line for line in lines) == 2
    assert json.loads((folder / "routed.json").read_text())["fmax"]
    first = creator.synthesize(small_build, bitstream=tmp_path / "first.bit")
    assert first.seed == 1
    assert best.fmax_mhz is not None
    assert first.fmax_mhz is not None
    assert best.fmax_mhz >= first.fmax_mhz
    same = (tmp_path / "best.bit").read_bytes() == (tmp_path / "first.bit").read_bytes()
    assert same == (best.seed == 1)


@pytest.mark.parametrize("seeds", [0, -1, 101, 1.0, True, "2"])
def test_other_numbers_of_seeds_are_refused(small_build: Path, seeds: object) -> None:
    with pytest.raises(CreatorError, match=r"^synthesize: seeds=.* is not a number from 1 to 100"):
        creator.synthesize(small_build, seeds=seeds)  # type: ignore[arg-type]

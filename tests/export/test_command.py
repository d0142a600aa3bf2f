"""``creator export``: what it prints, its exit status, one line for a refusal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from creator import cli


def test_export_says_what_to_start_with(small_build: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "p"
    line = ["export", str(small_build), "--tool", "quartus", "-o", str(folder), "--part", "10M50DAF484C7G", "--clock-mhz", "50"]
    assert cli.main(line) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert str(folder / "network_top.tcl") in out
    assert "50 MHz" in out
    assert cli.main([*line, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert (found["part"], found["clock_mhz"], found["tool"]) == ("10M50DAF484C7G", 50.0, "quartus")
    assert all((folder / name).is_file() for name in [found["start"], *found["sources"]])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--tool", "quartus", "--part", "xc7a35tcsg324-1"], "is not a part for quartus"),
        (["--tool", "vivado", "--part", "xc7a35tcsg324-1;exit"], "is not a part for vivado"),
        (["--tool", "vivado", "--clock-mhz", "-1"], "is not a clock frequency"),
        (["--tool", "vivado\n"], "choose one of vivado, quartus, fusesoc"),
    ],
)
def test_a_refusal_is_one_line_and_writes_nothing(
    small_build: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert cli.main(["export", str(small_build), "-o", str(tmp_path / "p"), *options]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert words in err
    assert not (tmp_path / "p").exists()

"""The examples as their readers run them: shortened in every test run, whole among those that take long."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ("digits", "digits_cnn", "speakers_cnn", "autoencoder")


def run(name: str, folder: Path, *options: str) -> dict[str, str]:
    """The rows of the table that an example prints, its title under the key ``""``."""
    command = [sys.executable, str(ROOT / "examples" / f"{name}.py"), "--output", str(folder), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return rows_of(done.stdout)


def rows_of(text: str) -> dict[str, str]:
    title, line, *rows = text.strip().splitlines()
    assert set(line) == {"-"}
    return {"": title} | dict(re.split(r"\s{2,}", row.strip(), maxsplit=1) for row in rows)


def check(rows: dict[str, str], samples: int) -> None:
    assert rows["samples simulated"] == str(samples)
    assert int(rows["outputs compared"]) >= samples
    assert rows["mismatches"] == "0"


def share(text: str) -> float:
    return float(text.removesuffix(" %"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_shortened_run_is_bit_exact(name: str, tmp_path: Path) -> None:
    options = ("--epochs", "1", "--samples", "6", "--no-synthesis")
    check(run(name, tmp_path / "out", *options), 6)


def in_readme(name: str) -> dict[str, str]:
    """The rows that the README shows for an example."""
    title = {"digits": "Handwritten digits, 64", "digits_cnn": "Handwritten digits, CNN", "speakers_cnn": "Speakers"}
    text = (ROOT / "README.md").read_text()
    start = text.index("```\n" + title.get(name, "Digits through")) + 4
    return rows_of(text[start : text.index("```", start)])


LEAST = {"digits": 97.0, "digits_cnn": 98.0, "speakers_cnn": 95.0}


@pytest.mark.extended
@pytest.mark.parametrize(
    ("name", "samples"), [("digits", 450), ("digits_cnn", 450), ("speakers_cnn", 370), ("autoencoder", 450)]
)
def test_the_whole_run_gives_what_the_readme_shows(name: str, samples: int, tmp_path: Path) -> None:
    rows, shown = run(name, tmp_path / "out"), in_readme(name)
    check(rows, samples)
    assert list(rows) == list(shown)
    # Training differs a little from processor to processor, and with the weights the lanes that are chosen.
    for label in ("", "samples simulated", "outputs compared", "mismatches"):
        assert rows[label] == shown[label]
    assert "MHz" in rows["fmax after place and route"]
    assert (tmp_path / "out" / f"{name}.bit").stat().st_size > 0
    if name in LEAST:
        assert share(rows["test accuracy, VHDL"]) == share(rows["test accuracy, quantized PyTorch"]) >= LEAST[name]
    else:
        assert rows["error, VHDL"] == rows["error, quantized PyTorch"]
        assert float(rows["error, VHDL"]) < 0.5 * float(rows["error, the mean image for all"].split()[0])

"""Pictures: what they show, and what they need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch

from creator import CreatorError, FixedPoint, nn
from creator.affine import Affine
from creator.diagnostics import Summary, summarize

pytestmark = pytest.mark.filterwarnings("ignore:.*saturate in:UserWarning")

RED, GREY, BLUE = (0xC4, 0x4E, 0x52), (0x9A, 0x9A, 0x9A), (0x48, 0x78, 0xA8)


def summary(entry: FixedPoint = FixedPoint(8, 5), output: FixedPoint = FixedPoint(8, 4), **more: object) -> Summary:  # noqa: B008
    torch.manual_seed(0)
    model = torch.nn.Sequential(nn.Quantize(entry), nn.Linear(6, 5, output=output, **more))  # type: ignore[arg-type]
    return summarize(model, torch.randn(300, 6, generator=torch.Generator().manual_seed(1)), lambda y: y.sum())


def pixels(path: Path, colour: tuple[int, int, int]) -> int:
    """How many pixels have a colour."""
    from matplotlib.image import imread

    found = np.rint(imread(path)[..., :3] * 255).astype(int)
    return int((found == colour).all(-1).sum())


def test_what_saturates_is_red(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    summary(FixedPoint(8, 6)).plot(path, "0")
    assert path.read_bytes()[:4] == b"\x89PNG"
    assert pixels(path, RED) > 50
    assert pixels(path, BLUE) > 2000
    assert pixels(path, GREY) < 50  # of letters
    summary(FixedPoint(8, 4)).plot(path, "0")
    assert pixels(path, RED) == 0


def test_what_a_relu_takes_away_is_grey(tmp_path: Path) -> None:
    summary(output=FixedPoint(8, 4, signed=False)).plot(tmp_path / "a.png", "1", "output")
    assert pixels(tmp_path / "a.png", GREY) > 500
    assert pixels(tmp_path / "a.png", RED) == 0
    summary(output=FixedPoint(8, 8, signed=False)).plot(tmp_path / "a.png", "1", "output")
    assert pixels(tmp_path / "a.png", RED) > 50  # above


def test_one_panel_for_each_row(tmp_path: Path) -> None:
    found = summary(gradient=FixedPoint(8, 4), weight=Affine((0.002,) * 5, 0, 8, axis=0))
    found.plot(tmp_path / "all.svg")
    text = (tmp_path / "all.svg").read_text()  # matplotlib leaves all words in comments
    for row in found.rows:
        assert f"<!-- {row.module}  {row.slot} -->" in text
    assert text.count('id="axes_') == 9  # three a line, and room for some more
    assert "affine&lt;8,[5 along 0],0&gt;" in text or "affine<8,[5 along 0],0>" in text
    assert "<!-- code -->" in text
    assert "times as wide -->" in text
    assert "saturate" in text
    found.plot(tmp_path / "one.svg", "1", "weight")
    assert (tmp_path / "one.svg").read_text().count('id="axes_') == 1


def settings() -> dict[str, object]:
    """Without the backend: asking for it chooses one."""
    return {name: matplotlib.rcParams[name] for name in matplotlib.rcParams if name != "backend"}


def test_the_global_state_of_matplotlib_stays(tmp_path: Path) -> None:
    before, loaded = settings(), "matplotlib.pyplot" in sys.modules
    summary().plot(tmp_path / "a.png")
    assert settings() == before
    assert ("matplotlib.pyplot" in sys.modules) == loaded


def test_matplotlib_is_imported_for_a_picture_only() -> None:
    script = "import sys, creator.diagnostics, creator.diagnostics.plot; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = summary()
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(CreatorError, match=r"matplotlib is not installed .*pip install 'creator\[plot\]'"):
        found.plot(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("name", "message"),
    [("a.txt", r"\.txt is no kind of picture"), ("a", "no suffix is no kind"), ("no/a.png", "does not exist"), (3, "a path")],
)
def test_files_that_cannot_be_written(tmp_path: Path, name: object, message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        summary().plot(tmp_path / name if isinstance(name, str) else name)  # type: ignore[arg-type]


def test_too_many_panels(tmp_path: Path) -> None:
    found = summary()
    many = Summary(found.rows * 40, (), 0.01)
    with pytest.raises(CreatorError, match="160 panels are not 1 to 150"):
        many.plot(tmp_path / "a.png")
    with pytest.raises(CreatorError, match="no row has"):
        found.plot(tmp_path / "a.png", "nothing")

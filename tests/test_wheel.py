"""An installed wheel works outside the checkout, templates, VHDL library and benches included."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command: str, cwd: Path, path: Path) -> str:
    env = os.environ | {"PYTHONPATH": str(path)}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_has_every_resource_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("templates", "vhdl", "sim"):
        for file in (ROOT / folder).iterdir():
            if file.is_file():
                assert f"creator/_resources/{folder}/{file.name}" in names
    assert all(name.startswith(("creator/", "creator-")) for name in names)


def test_the_installed_wheel_translates_and_simulates_outside_the_checkout(wheel: Path, tmp_path: Path, small_graph) -> None:
    installed, work = tmp_path / "installed", tmp_path / "work"
    work.mkdir()
    zipfile.ZipFile(wheel).extractall(installed)
    small_graph.save(work / "net.creator")
    places = "import creator, creator.resources as r; print(creator.__file__, r.resource_folder('sim'))"
    assert all(
        place.startswith(str(installed)) for place in run(sys.executable, "-c", places, cwd=work, path=installed).split()
    )
    cli = (sys.executable, "-m", "creator.cli")
    run(*cli, "translate", "net.creator", "-o", "build", cwd=work, path=installed)
    for bench in ("cocotb", "vhdl"):
        found = json.loads(run(*cli, "simulate", "build", "--bench", bench, "--stalls", "--json", cwd=work, path=installed))
        assert found["mismatches"] == 0
        assert found["compared"] == 64 * 4

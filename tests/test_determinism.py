"""The same network gives the same bytes: whatever the hash seed, the folder, the run, the installation and the threads are."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.test_wheel import ROOT

CHILD = Path(__file__).with_name("determinism_child.py")
SEEDS, FOLDERS, INSTALLATIONS, THREADS = ("0", "1", "31337"), ("here", "a folder/below"), ("checkout", "wheel"), (1, 2, 4)
OUTPUTS = 250
"""At least so many files and texts come from one run."""

# Each value occurs, each with each other installation; the extended test has them all.
QUICK = [
    ("0", "here", "checkout", 1, "0"),
    ("1", "a folder/below", "checkout", 4, "1"),
    ("31337", "here", "wheel", 2, "0"),
    ("0", "a folder/below", "wheel", 4, "1"),
]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the checkout, unpacked with its files in the opposite order."""
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, capture_output=True, check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist(), reverse=True):
            archive.extract(name, folder / "site")
    return folder / "site"


def run(setting: tuple[str, str, str, int, str], installed: Path, work: Path) -> dict[str, Any]:
    """What a process with this setting writes: hashes of both runs, and whether a date or a name of this machine is in it."""
    seed, folder, installation, threads, shuffled = setting
    place = installed if installation == "wheel" else ROOT
    cwd = work / folder
    cwd.mkdir(parents=True, exist_ok=True)
    env = os.environ | {"PYTHONPATH": str(place), "PYTHONHASHSEED": seed, "TZ": f"UTC{threads}"}
    env |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "OMP_DYNAMIC": str(threads > 2).upper()}
    today = date.today()
    dates = [today.strftime(form) for form in ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d %b %Y", "%b %d", "%Y%m%d")]
    marks = [*dates, str(work), str(ROOT), str(Path.home()) + "/", f"@{socket.gethostname()}"]
    name = "-".join(map(str, setting)).replace("/", " ")
    command = [sys.executable, str(CHILD), name, str(threads), shuffled, *marks]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["creator"].startswith(str(place)), "another installation was tested"
    assert found["marks"] == [], "an output has a date or a path of this machine"
    return found["outputs"]


def compare(settings: list[tuple[str, str, str, int, str]], installed: Path, work: Path) -> int:
    """How many outputs were compared with those of the first run of the first setting."""
    first: dict[str, str] = {}
    compared = 0
    for setting in settings:
        outputs = run(setting, installed, work)
        first = first or {name: hashes[0] for name, hashes in outputs.items()}
        assert outputs.keys() == first.keys(), setting
        different = [name for name, hashes in outputs.items() if set(hashes) != {first[name]}]
        assert different == [], (setting, different)
        compared += 2 * len(outputs)
    assert len(first) >= OUTPUTS
    return compared


def test_the_same_bytes_whatever_the_process(installed: Path, tmp_path: Path, record_property) -> None:
    for index, values in enumerate((SEEDS, FOLDERS, INSTALLATIONS, THREADS)):
        assert {setting[index] for setting in QUICK} == set(values)
    record_property("determinism: outputs compared", compare(QUICK, installed, tmp_path))


@pytest.mark.extended
@pytest.mark.parametrize("threads", THREADS)
def test_the_same_bytes_in_every_combination(threads: int, installed: Path, tmp_path: Path, record_property) -> None:
    settings = [
        (*found, threads, str(index % 2)) for index, found in enumerate(itertools.product(SEEDS, FOLDERS, INSTALLATIONS))
    ]
    assert len(settings) == 12
    record_property("determinism: outputs compared", compare(settings, installed, tmp_path))

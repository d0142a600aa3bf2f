"""What the README shows is what a reader gets."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from creator.ops import REGISTRY

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "CHANGELOG.md",
    *(ROOT / "docs").glob("*.md"),
]


def example() -> str:
    found = re.search(r"<!-- example -->\s*```python\n(.*?)```\s*<!-- /example -->", (ROOT / "README.md").read_text(), re.S)
    assert found is not None, "the README has no example between its markers"
    return found[1]


def test_the_example_runs_as_written(tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(example())
    done = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "build" / "manifest.json").is_file()
    # The second line, LUTs and clock, may differ with the processor that trains; the first may not.
    assert f"```\n{done.stdout.splitlines()[0]}\n" in (ROOT / "README.md").read_text()


def test_the_example_from_a_floating_point_model_runs_as_written(tmp_path: Path) -> None:
    found = re.search(r"<!-- example: prepare -->\s*```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert found is not None
    (tmp_path / "example.py").write_text(found[1] + "print(graph.output_format)\n")
    done = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("fixed<8,")


def test_the_example_from_torch_ao_runs_as_written(tmp_path: Path) -> None:
    found = re.search(r"<!-- example: torch.ao -->\s*```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert found is not None
    (tmp_path / "example.py").write_text(found[1])
    done = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "0 mismatches"


@pytest.mark.parametrize("script", ["scripts/quantizer_table.py", "scripts/support_table.py"])
def test_the_tables_of_what_is_supported_are_up_to_date(script: str) -> None:
    done = subprocess.run([sys.executable, script, "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr or f"run python {script}"


def test_the_table_of_what_is_supported_has_every_operation() -> None:
    text = (ROOT / "README.md").read_text()
    assert [op for op in REGISTRY if f"(tests/cases/{op}.py)" not in text] == []


def test_the_example_is_short() -> None:
    assert len([line for line in example().splitlines() if line.strip()]) <= 24


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)|src=\"([^\"]+)\"", document.read_text()):
        path = target[0] or target[1]
        assert path.startswith("http") or (document.parent / path).exists(), f"{document.name} links to {path}"

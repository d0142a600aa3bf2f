"""Which files are mutated, and what they are mutated into."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.mutation import python_rules, vhdl_rules
from tests.mutation.mutants import Mutant

ROOT = Path(__file__).parents[2]


def mutated_files() -> list[str]:
    """Every VHDL file, every template, and the arithmetic in Python; paths in the repository."""
    found = [
        *ROOT.glob("vhdl/*.vhd"),
        *ROOT.glob("templates/*.j2"),
        ROOT / "creator/formats.py",
        *ROOT.glob("creator/ops/*.py"),
    ]
    return [str(path.relative_to(ROOT)) for path in sorted(found) if path.name != "__init__.py"]


def mutants_of(file: str) -> list[Mutant]:
    """All mutants of ``file``."""
    rules = python_rules if file.endswith(".py") else vhdl_rules
    return rules.mutants_of(file, (ROOT / file).read_text())


def tree_hash() -> str:
    """Changes with everything that a verdict depends on."""
    folders = ("creator", "templates", "vhdl", "sim", "tests")
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file())
    total = hashlib.sha256()
    for path in paths:
        if "__pycache__" not in path.parts and path.suffix != ".toml":
            total.update(str(path.relative_to(ROOT)).encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:16]

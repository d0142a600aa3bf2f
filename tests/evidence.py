"""What a run of the tests is evidence for: claims, how they are counted, and the least counts.

A test adds to a claim with ``record_property(name, count)``. ``pytest --evidence FILE`` adds the counts up, writes them to a
file that ``scripts/evidence.py`` reads, and fails if one is below its least.
"""

from __future__ import annotations

import datetime
import json
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import creator

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Claim:
    """What users may believe, and what is counted for it.

    Args:
        name: of the property that tests record.
        text: the claim, and the unit of its count.
        where: the tests, as an argument of pytest.
        least, least_all: counts that ``make test`` and ``make test-all`` must reach.
    """

    name: str
    text: str
    where: str
    least: int
    least_all: int


CLAIMS = (
    Claim(
        "conformance cases",
        "Every operation in every mode: PyTorch or exact arithmetic = graph = lowered graph = VHDL; cases",
        "tests/conformance",
        150,
        150,
    ),
    Claim("conformance runs", "... simulations of them: 9 profiles of pauses, 64 resets", "tests/conformance", 2000, 2000),
    Claim("conformance values", "... output values compared", "tests/conformance", 100_000, 100_000),
    Claim("proofs", "Arithmetic on the netlist: exhausted, or proven by SAT; kernels", "tests/proofs", 60, 500),
    Claim("netlists", "Netlists after synthesis, for 4 families, simulated; networks", "tests/synthesis", 10, 100),
    Claim("netlists: integers compared", "... integers compared", "tests/synthesis", 1000, 10_000),
    Claim("fuzz networks", "Random networks with random lanes and pauses, simulated; networks", "tests/fuzz", 200, 10_000),
    Claim("fuzz samples", "... samples compared", "tests/fuzz", 50_000, 350_000),
    Claim("fuzz networks in cocotb", "... networks through cocotb", "tests/fuzz", 40, 40),
    Claim("sabotages", "Corruptions that must make a simulation fail", "tests/sabotage", 25, 25),
    Claim(
        "bad inputs: identifiers",
        "Bad inputs, each refused in one line or made safe: identifiers",
        "tests/bad_inputs",
        120,
        120,
    ),
    Claim("bad inputs: damaged files", "... damaged files", "tests/bad_inputs", 60, 60),
    Claim("bad inputs: options", "... bad options", "tests/bad_inputs", 40, 40),
    Claim("bad inputs: paths", "... attacks by paths, full disks", "tests/bad_inputs", 20, 20),
    Claim("bad inputs: modules", "... unsupported modules", "tests/bad_inputs", 20, 20),
    Claim("bad inputs: imports", "... networks of torch.ao and PT2E that cannot be taken over", "tests/importing", 40, 40),
    Claim(
        "bad inputs: interrupts", "Interrupts after which the old or the new output is there, whole", "tests/bad_inputs", 20, 20
    ),
    Claim(
        "determinism: outputs compared",
        "The same bytes whatever the surroundings; outputs",
        "tests/test_determinism.py",
        10,
        10,
    ),
    Claim("area pins", "Reference networks whose LUTs, flip-flops, DSPs and block RAMs are pinned", "tests/synthesis", 3, 6),
)


def totals(reports: Iterable[Any]) -> Counter[str]:
    """Counts by claim, of the tests that passed."""
    found: Counter[str] = Counter()
    known = {claim.name for claim in CLAIMS}
    for report in reports:
        for name, count in report.user_properties:
            assert name in known, f"{report.nodeid} counts for the unknown claim {name!r}"
            found[name] += count
    return found


def shortfalls(counts: Counter[str], everything: bool) -> list[str]:
    """A line for each claim whose count is too low."""
    lines = []
    for claim in CLAIMS:
        least = claim.least_all if everything else claim.least
        if counts[claim.name] < least:
            lines.append(f"{claim.name}: {counts[claim.name]}, but at least {least} are claimed")
    return lines


def code() -> dict[str, str]:
    """Which code a run is of, and when it was."""
    return {
        "version": creator.__version__,
        "commit": _git("rev-parse", "--short", "HEAD") + ("+" if _git("status", "--porcelain") else ""),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def save(path: Path, counts: Counter[str], tests: int, seconds: float, everything: bool) -> None:
    """Writes what a run has shown, of which code, and when."""
    state = {
        "command": "make test-all" if everything else "make test",
        **code(),
        "seconds": round(seconds),
        "tests": tests,
        "counts": {claim.name: counts[claim.name] for claim in CLAIMS},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(state, indent=2) + "\n")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "?"

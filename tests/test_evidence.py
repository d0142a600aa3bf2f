"""The counts that docs/evidence.md shows are of tests that passed, and a run that shows too little fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import evidence

ROOT = Path(__file__).parents[1]
ENOUGH = {claim.name: claim.least_all for claim in evidence.CLAIMS}


def test_counts_are_added_up() -> None:
    reports = [SimpleNamespace(nodeid="a", user_properties=[("fuzz networks", n), ("fuzz samples", 1)]) for n in (3, 4)]
    assert evidence.totals(reports) == {"fuzz networks": 7, "fuzz samples": 2}


def test_a_claim_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(AssertionError, match="unknown claim 'fuz'"):
        evidence.totals([SimpleNamespace(nodeid="a", user_properties=[("fuz", 1)])])


@pytest.mark.parametrize("claim", evidence.CLAIMS, ids=lambda claim: claim.name)
def test_a_count_that_is_too_low_is_told(claim: evidence.Claim) -> None:
    assert claim.least_all >= claim.least > 0
    assert evidence.shortfalls(evidence.Counter(ENOUGH), everything=True) == []
    low = evidence.Counter(ENOUGH | {claim.name: claim.least - 1})
    assert evidence.shortfalls(low, everything=False) == [
        f"{claim.name}: {claim.least - 1}, but at least {claim.least} are claimed"
    ]


def test_a_run_that_shows_too_little_fails(tmp_path: Path) -> None:
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not extended", "tests/test_errors.py"]
    done = subprocess.run(
        [sys.executable, *command, "--evidence", tmp_path / "e.json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "fuzz networks: 0, but at least 200 are claimed" in done.stdout
    assert not (tmp_path / "e.json").exists()


def test_what_is_saved(tmp_path: Path) -> None:
    evidence.save(tmp_path / "a" / "e.json", evidence.Counter(ENOUGH), 12, 3.4, everything=True)
    state = json.loads((tmp_path / "a" / "e.json").read_text())
    assert state["counts"] == ENOUGH
    assert (state["command"], state["tests"], state["seconds"]) == ("make test-all", 12, 3)

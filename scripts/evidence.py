"""Writes docs/evidence.md from what the last runs of the tests, of the mutants and of the planted bugs have left.

``make test``, ``make test-all``, ``make mutation`` and ``python scripts/seeded_bugs.py`` write to ``build/evidence/``; then
``python scripts/evidence.py``. Of a run that is missing the document says so.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.evidence import CLAIMS  # noqa: E402  (of the checkout)

RUNS = ROOT / "build" / "evidence"
DOCUMENT = ROOT / "docs" / "evidence.md"
HEAD = """\
# Evidence

Why a user may believe every bit. Each line can be run again: `.venv/bin/python -m pytest TESTS -m "not extended"`, with what
stands in its last column for TESTS, gives the counts of `make test`, without `-m` those of `make test-all`. A run fails if a
count is lower than the least that is claimed for it, which stands in `tests/evidence.py` and is often far lower than what is
printed here. Every run is of the code that stands beside it; newer code may give other counts. The document is written by
`python scripts/evidence.py` from the results of the runs. How each check works:
[verification.md](verification.md).
"""


def load(name: str) -> Any:
    """What a run left; ``None`` if there was none."""
    path = RUNS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def table(titles: list[str], rows: list[list[Any]]) -> str:
    """Markdown."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def code(found: dict[str, Any]) -> str:
    """Which code a run was of."""
    return f"{found['version']}, {found['commit']}"


def dated(found: dict[str, Any], text: str) -> str:
    """``text``, of which code it is, and when it was found."""
    return f"Code {code(found)}; {found['date']}.\n\n{text}"


def runs(found: list[dict[str, Any]]) -> str:
    """One row for each run."""
    titles = ["command", "tests", "result", "minutes", "code", "date"]
    rows = []
    for run in found:
        minutes = f"{run['seconds'] / 60:.0f}"
        rows.append([f"`{run['command']}`", run["tests"], "all passed", minutes, code(run), run["date"]])
    return table(titles, rows)


def claims(quick: dict[str, Any] | None, everything: dict[str, Any] | None) -> str:
    """One row for each claim."""
    rows = []
    for claim in CLAIMS:
        counts = [f"{run['counts'].get(claim.name, 0):,}" if run else "not run" for run in (quick, everything)]
        rows.append([claim.text, *counts, f"`{claim.where}`"])
    return table(["claim, and what is counted", "`make test`", "`make test-all`", "tests"], rows)


def mutants(found: dict[str, Any] | None) -> str:
    """One row for each file that was changed."""
    if found is None:
        return "Not run.\n"
    titles = ["mutants", "killed", "equivalent", "survived"]
    rows = [[f"`{file}`", *(counts[title] for title in titles)] for file, counts in sorted(found["files"].items())]
    total = [sum(counts[title] for counts in found["files"].values()) for title in titles]
    return dated(found, table(["file", *titles], [*rows, ["all", *total]]))


def bugs(found: dict[str, Any] | None) -> str:
    """One row for each bug."""
    if found is None:
        return "Not run.\n"
    rows = []
    for row in found["bugs"]:
        rows.append([row["bug"], f"`{row['file']}`", f"`{row['test']}`" if row["test"] else "not found", row["seconds"]])
    return dated(found, table(["bug", "in", "found by", "seconds"], rows))


SECTIONS = """\
## Runs

{runs}
## Claims

Every count is of checks that passed.

{claims}
## Mutants

`make mutation` changes one place at a time. The committed vectors must notice, or the change must be shown to change nothing.

{mutants}
## Planted bugs

`python scripts/seeded_bugs.py`: the first test that fails, and the seconds until then, on two cores.

{bugs}"""


def main() -> int:
    """Writes the document."""
    quick, everything = load("test"), load("test-all")
    text = SECTIONS.format(
        runs=runs([run for run in (quick, everything) if run]),
        claims=claims(quick, everything),
        mutants=mutants(load("mutation")),
        bugs=bugs(load("bugs")),
    )
    DOCUMENT.write_text(f"{HEAD}\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Runs mutants of the VHDL, of its templates and of the arithmetic in Python, and says which of them nothing finds.

    python scripts/mutation.py                          all files
    python scripts/mutation.py vhdl/creator_ram.vhd     one
    python scripts/mutation.py --processes 4
    python scripts/mutation.py --thorough               survivors again, against all networks and all runs

What is done is kept in build/mutation, so a run that was interrupted goes on; --keep also uses verdicts of mutants that were
killed before something else changed. The counts of each file are in build/evidence/mutation.json. The exit status is 1 if a
mutant survives, and if the list of equivalent mutants has one that is not there any more or that is killed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.mutation.campaign import Campaign  # noqa: E402
from tests.mutation.files import mutated_files  # noqa: E402


def main(arguments: list[str]) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("files", nargs="*", help="paths in the repository; none: all")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--thorough", action="store_true")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args(arguments)
    unknown = set(options.files) - set(mutated_files())
    if unknown:
        parser.error(f"no mutants are made of {', '.join(sorted(unknown))}; choose of {', '.join(mutated_files())}")
    campaign = Campaign(options.files or mutated_files(), ROOT / "build" / "mutation", options.thorough, options.keep)
    return campaign.run(options.processes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

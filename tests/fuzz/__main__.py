"""Replays random networks from a seed: ``python -m tests.fuzz mlp 17``.

The networks are those of the test ``test_random_networks[mlp 17]``. If one fails, the smallest network that fails in the same
place is shown, and its build folder kept for ``creator simulate``. Status 1 then.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from creator import CreatorError
from tests.fuzz.explore import KINDS, simulate_networks


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("seed", type=int)
    parser.add_argument("--networks", type=int, default=10, help="how many (default: 10, as in the tests)")
    parser.add_argument("--bench", choices=["vhdl", "cocotb"], default="vhdl")
    parser.add_argument(
        "--keep", type=Path, default=Path("build/fuzz"), help="where the build folder of a failing network goes"
    )
    options = parser.parse_args()
    try:
        networks, samples = simulate_networks(options.kind, options.seed, options.networks, options.bench, keep=options.keep)
    except (AssertionError, CreatorError) as error:
        notes = "\n".join(getattr(error, "__notes__", []))
        print(f"{type(error).__name__}: {error}\n{notes}\nbuild folder: {options.keep}", file=sys.stderr)
        return 1
    print(f"{networks} networks, {samples} samples: no difference")
    return 0


if __name__ == "__main__":
    sys.exit(main())

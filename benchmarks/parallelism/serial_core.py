"""Where the cells of a serial core go: a linear layer 64 -> 32 at 8 bits, one multiplier, on ECP5, by entity.

``python benchmarks/parallelism/serial_core.py`` synthesizes it twice: as ``creator synthesize`` does, for the totals, and with
the hierarchy kept, for the entities, whose cells are some more, since nothing is shared across their borders.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from calibrate import network  # the same reference networks

import creator
from creator.tools import find_tool, run_tool

KINDS = ("LUT4", "CCU2C", "TRELLIS_FF", "TRELLIS_DPR16X4", "MULT18X18D", "DP16KD")


def by_entity(text: str) -> dict[str, dict[str, int]]:
    """Cells of each module in what Yosys's ``stat`` prints."""
    found: dict[str, dict[str, int]] = {}
    for part in text.split("=== ")[1:]:
        name, rest = part.split(" ===", 1)
        cells = {kind: re.search(rf"^\s*(\d+)\s.*\b{kind}\s*$", rest, re.MULTILINE) for kind in KINDS}
        found[name] = {kind: int(match[1]) if match else 0 for kind, match in cells.items()}
    return found


def main() -> int:
    """Prints a table."""
    with tempfile.TemporaryDirectory() as folder:
        build = creator.translate(creator.trace(network((64, 32), 8), (64,))).write(Path(folder) / "build")
        total = creator.synthesize(build, "ecp5-25k").cells
        place = build / "synthesis" / "ecp5-25k"
        script = (place / "synthesize.ys").read_text().replace("synth_ecp5 ", "synth_ecp5 -noflatten ")
        lines = [line for line in script.splitlines() if not line.startswith(("write_json", "tee"))]
        (place / "kept.ys").write_text("\n".join([*lines, "tee -o kept.txt stat"]) + "\n")
        status, _ = run_tool([find_tool("yosys"), "-q", "kept.ys"], place)
        assert status == 0
        rows = by_entity((place / "kept.txt").read_text())
    print(f"{'':34}" + "".join(f"{kind:>16}" for kind in KINDS))
    for name, cells in {**{n: c for n, c in rows.items() if "hierarchy" not in n}, "without hierarchy": total}.items():
        print(f"{name:34}" + "".join(f"{cells.get(kind, 0):16}" for kind in KINDS))
    return 0


if __name__ == "__main__":
    sys.exit(main())

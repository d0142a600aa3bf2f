"""What smaller window buffers would save, and cost: see *A ring holds a step more than a window's span* in docs/decisions.md.

For each network and interval of ``cnn.py``: the bits of all window buffers, and cells of 16 words of 4 bits, as they are and as
they would be if a step's places became free with the last reading of each of its beats; and the planned interval where a ring
has only a part of the step besides the span, and frees it as it does now.

``python benchmarks/rings.py`` prints a table, ``--write`` puts it into ``benchmarks/results/rings.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from cnn import NETWORKS, graph_of

from creator.ops import Conv, beats
from creator.ops.window import Ring
from creator.passes import LOWER, run_passes
from creator.schedule import schedule
from creator.schedule.plan import Plan
from creator.schedule.timeline import steady_interval

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "rings.md"
PARTS = (0, 1, 2, 3)
"""Quarters of a step."""


def spare(ring: Ring, blocks: int, again: int) -> int:
    """Places besides the span with which beats that come evenly never wait, if each place is free once its beat is not read any
    more, and each beat may come just before it is read.

    A window is read as ``blocks`` of its channels, each of them ``again`` times: all taps, of each tap the block's beats.
    """
    (rows, columns), right, stride = ring.kernel, ring.dilation[1], ring.stride[1]
    step, block = stride * ring.beats, ring.beats // blocks
    taps = rows * columns * block
    window = blocks * again * taps
    free, needed = [], []
    for beat in range(step):
        pixel, (part, place) = beat // ring.beats, divmod(beat % ring.beats, block)
        begin, newest = part * again * taps, (columns - 1) * right - stride + 1 + pixel
        read = pixel % right == 0 and pixel // right < columns
        free.append(begin + (again - 1) * taps + pixel // right * block + place if read else 0)
        reads = newest >= 0 and newest % right == 0
        needed.append(window + begin + ((rows - 1) * columns + newest // right) * block + place if reads else 2 * window)
    first = min(need - beat * window / step for beat, need in enumerate(needed)) - 1
    free = [max(free[: beat + 1]) for beat in range(step)]
    came = [first + beat * window / step for beat in range(step)]
    return next(count for count in range(step + 1) if all(came[beat] > free[beat - count] for beat in range(count, step)))


def sizes(plan: Plan) -> tuple[int, int, int, int, int]:
    """Of all rings: bits of the spans, bits now, bits with early release, cells now, cells with early release."""
    found = [0] * 5
    for core in plan.cores:
        op = core.node.op
        if isinstance(op, Conv):
            ring, bits = op.ring(core.input_type, core.lanes), core.input_type.format.total_bits * core.lanes.input
            early = min(ring.depth, ring.span + spare(ring, *op.passes(core.lanes)))
            cells = [beats(depth, 16) * beats(bits, 4) for depth in (ring.depth, early)]
            for index, value in enumerate((ring.span * bits, ring.depth * bits, early * bits, *cells)):
                found[index] += value
    return found[0], found[1], found[2], found[3], found[4]


def intervals(plan: Plan) -> Iterator[int]:
    """With each part of the step."""
    for quarters in PARTS:

        def depth(ring: Ring, quarters: int = quarters) -> int:
            return ring.span + beats(quarters * min(ring.stride[1] * ring.beats, ring.frame), 4)

        with patch.object(Ring, "depth", property(depth)):
            yield steady_interval(plan)


def rows() -> Iterator[str]:
    """A line for each network and interval."""
    for network in NETWORKS:
        graph = run_passes(graph_of(network), LOWER)
        for asked in network.intervals:
            plan = schedule(graph, asked)
            interval = plan.interval
            least, now, early, cells, early_cells = sizes(plan)
            more = [f"{bits} ({100 * (bits / least - 1):.1f} %)" for bits in (now, early)]
            figures = [str(least), *more, str(cells), str(early_cells), *map(str, intervals(plan)), str(interval)]
            yield f"| {network.name} | {asked} | " + " | ".join(figures) + " |"


def main() -> None:
    """Prints or writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.relative_to(ROOT)}")
    options = parser.parse_args()
    text = "\n".join(
        [
            "# Smaller window buffers",
            "",
            "Made by `python benchmarks/rings.py --write`. Bits of all window buffers, those of 1 x 1 convolutions included:",
            "of the spans alone, now, and if places became free beat by beat in the last pass over a window; the cells of 16",
            "words of 4 bits that they take. Then the planned interval with 0 to 3 quarters of a step besides the span, freed",
            "as now, and with all of it.",
            "",
            "| network | asked for | spans | now | early | cells | early | 0 | 1/4 | 1/2 | 3/4 | all |",
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
            *rows(),
            "",
        ]
    )  # fmt: skip
    if options.write:
        RESULTS.write_text(text)
    print(text)


if __name__ == "__main__":
    main()

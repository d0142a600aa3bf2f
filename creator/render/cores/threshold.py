"""The entities of thresholds."""

from __future__ import annotations

import numpy as np

from creator.formats import IntArray
from creator.ops import Threshold
from creator.render.core_files import CoreFiles
from creator.render.cores.softmax import sums_of
from creator.render.values import Bits, Identifier
from creator.schedule.rom import address_bits


def render_threshold(files: CoreFiles, op: Threshold) -> None:
    """Renders the core's entities."""
    core, x, output = files.core, files.core.input_type, files.core.node.type.format
    rows, lanes, words = op.distinct, core.lanes.input, op.words(x, core.lanes)
    level_bits = x.format.total_bits + 1
    memory = None
    if len(rows) > 1:
        padded: IntArray = np.zeros((words * lanes, op.levels), dtype=np.int64)
        elements = np.arange(min(words * lanes, x.size))
        padded[: len(elements)] = rows[elements % len(rows)]
        fields = [(padded.reshape(words, lanes * op.levels), level_bits)]
        memory = files.rom("thresholds", f"thresholds of {core.node.where}, by channel", fields)
    part = {
        "input_format": x.format,
        "output_format": output,
        "kind": Identifier("signed" if x.format.signed else "unsigned"),
        "levels": op.levels,
        "level_bits": level_bits,
        "constants": [] if memory else [Bits(int(level), level_bits) for level in rows[0]],
        "rounds": sums_of(op.levels, 1, output.total_bits),
    }
    files.main(
        {
            "levels": op.levels,
            "level_bits": level_bits,
            "channels": len(rows),
            "channel_bits": address_bits(words),
            "words": words,
            "memory_stages": op.memory_stages(x, core.lanes),
            "frame_ends": x.size % (len(rows) * lanes) != 0,
            "memory_entity": memory,
            "levels_entity": files.part("levels", "levels", part),
        }
    )

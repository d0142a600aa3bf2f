"""The entities of a convolution's core."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from creator.ops import Conv
from creator.ops.base import deep_stages
from creator.render.core_files import CoreFiles
from creator.render.cores.linear import multiplying
from creator.render.values import Comment, Identifier
from creator.render.windows import Order, window_values
from creator.schedule.mac_array import MacArray


def render_conv(files: CoreFiles, op: Conv) -> None:
    """Renders the core's entities."""
    core, x, lanes = files.core, files.core.input_type, files.core.lanes
    array = MacArray(op, x, files.interval, lanes)
    deep = deep_stages(array.words)
    # Both the memory of weights and the ring have a register; behind it, padding takes two more, and so does a deep memory.
    values = multiplying(files, op, array, 2 + max(deep, op.padding_stages), gated=False)
    ring, order = op.ring(x, lanes), Order(*op.passes(lanes))
    parts = "groups of channels" if array.sides == 1 else f"times {array.sides} groups of channels"
    said = f"{order.blocks} {parts}, " if order.blocks > 1 else ""
    again = f"{order.again} times " if order.again > 1 else ""
    windows = files.part(
        "window",
        "windows",
        window_values(ring, order, x.format, lanes.input, op.pad_code, values["marks_first"])
        | {"where": Comment(core.node.where), "order": Comment(f"{said}{again}all taps, channels innermost")},
    )
    late = deep > op.padding_stages
    registers = [Identifier(name) for name in (*(("early", "late") if late else ()), "activation")]
    files.main(
        values
        | {
            "kernel": _shown(op.kernel),
            "stride": _shown(op.stride),
            "dilation": _shown(op.dilation),
            "dilated": max(op.dilation) > 1,
            "padded": op.padded,
            "padding": Comment(f"{_shown(op.before)} before, {_shown(op.after)} after"),
            "channel_groups": op.channel_groups,
            "sides": array.sides,
            "input_shape": _shown(x.shape),
            "output_shape": _shown(core.node.type.shape),
            "windows": math.prod(core.node.type.shape[:-1]),
            "window_words": array.words,
            "marks_last": True,
            "weight_waits": op.padding_stages > deep and array.words > 1,
            "activation_delays": [{"name": name, "next": after} for name, after in itertools.pairwise(registers)],
            "windows_entity": windows,
        }
    )


def _shown(numbers: Sequence[int]) -> Comment:
    return Comment(" x ".join(map(str, numbers)))

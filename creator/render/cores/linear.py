"""The entities of a fully connected layer's core."""

from __future__ import annotations

from typing import Any

from creator.ops import Linear
from creator.ops.base import deep_stages, is_deep
from creator.render.core_files import CoreFiles, lanes_of
from creator.render.limits import requantizer_values
from creator.render.mac import mac_values, stage_lines
from creator.render.values import Bits, Identifier
from creator.schedule.mac_array import MacArray
from creator.schedule.rom import address_bits


def render_linear(files: CoreFiles, op: Linear) -> None:
    """Renders the core's entities."""
    core = files.core
    array = MacArray(op, core.input_type, files.interval, core.lanes)
    words, groups = array.row_words, array.groups
    # Where beats can be missing within a frame, what is in the pipeline in their place must not be added.
    values = multiplying(files, op, array, 2 + deep_stages(words * groups), gated=groups == 1 and words > 1)
    files.main(
        values
        | {
            "inputs": op.in_features,
            "outputs": op.out_features,
            "marks_last": groups > 1,
            # What issues products in a cycle in which the pipeline moves.
            "arrives": Identifier("any_full" if groups > 1 else "in_valid"),
            "index_in_weight": array.index_in_address,
            "row_in_weight": array.group_in_address,
            "index_bits": address_bits(words) if words > 1 else 0,
        }
    )


def multiplying(files: CoreFiles, op: Linear, array: MacArray, mac_stage: int, gated: bool) -> dict[str, Any]:
    """Renders the memories, the MAC array and the requantizer; returns what the core's own template needs to know of them.

    Args:
        files: of the core.
        op: the layer.
        array: its multipliers.
        mac_stage: the pipeline's stage in which activations and weights are registers of the MAC array.
        gated: whether products may be missing within a row.
    """
    core, accumulator, lanes = files.core, op.accumulator, files.core.lanes
    bias_bits, words, groups = array.bias_bits, array.row_words, array.groups
    order = "row by row" if lanes.input * lanes.output == 1 else f"{lanes.input} inputs of {lanes.output} rows a word"
    weights = files.rom("weights", f"weights of {core.node.where}, {order}", array.contents())
    biases = None
    if bias_bits:
        biases = files.rom("biases", f"biases of {core.node.where}", [(lanes_of(op.bias, lanes.output), bias_bits)])
    shared = {
        "word_bits": array.word_bits,
        "weight_bits": array.weight_bits,
        "sum_bits": accumulator.total_bits,
        "bias_bits": bias_bits,
        # Where no memory has the biases: what every sum starts from.
        "start": Bits(int(op.bias[0]), accumulator.total_bits) if not bias_bits and op.bias[0] else None,
        "deep": is_deep(words * groups),
        "far": op.far(lanes),
        "mac_stage": mac_stage,
        "sum_stage": op.sum_stages(lanes),
        "place": Identifier("near" if op.far(lanes) else "read"),
        "gated": gated,
        "accumulates": words > 1,
        # Whether anything asks where a row begins: the sum, or the row counter of the biases.
        "marks_first": words > 1 or (groups > 1 and bool(bias_bits)),
    }
    plain = lanes.input * lanes.output == 1 and not array.selects and not shared["far"]
    values = mac_values(array, op.align(core.input_type), accumulator)
    mac = files.part("mac" if plain else "mac_array", "mac", values | shared)
    totals = op.totals(core.input_type, files.interval)
    requantizer = files.part(
        "requantizer",
        "requantizer",
        requantizer_values(accumulator, totals, op.output, op.rounding, op.overflow, op.low, op.high, offset=op.offset),
    )
    return shared | {
        "words": words,
        "groups": groups,
        "multipliers": array.multipliers,
        "interval": core.timing.interval,
        "delay": core.timing.delay,
        "stages": op.stages(lanes),
        "queued": core.queues,
        "result": Identifier("result" if core.queues else "out_data"),
        "pipeline": stage_lines(op, lanes),
        "bias_stage": array.bias_stage,
        "bias_far": array.bias_in_block,
        "row_bits": address_bits(groups),
        "weight_address_bits": address_bits(words * groups),
        "weights_entity": weights,
        "biases_entity": biases,
        "mac_entity": mac,
        "requantizer_entity": requantizer,
    }

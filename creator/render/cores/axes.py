"""The entities of what sweeps over a sample one axis after the other: pools, padding, upsampling."""

from __future__ import annotations

from typing import Any

from creator.affine import Format
from creator.formats import bits_for
from creator.ops import Interval, MaxPool, Op, Pad, SumPool, Upsample
from creator.ops.axis import Axis, PoolAxis, RepeatAxis, SpreadAxis
from creator.ops.rescale import centred, zero_point
from creator.ops.sumpool import sum_format
from creator.render.core_files import CoreFiles
from creator.render.values import Bits, Comment, Identifier
from creator.schedule.rom import address_bits


def render_maxpool(files: CoreFiles, op: MaxPool) -> None:
    """Renders the core's entities."""
    fmt = files.core.input_type.format
    _render(files, op, "maximum pooling", "pool_axis", [_maxima(fmt)] * 2, fmt)


def render_sumpool(files: CoreFiles, op: SumPool) -> None:
    """Renders the core's entities."""
    fmt, results = files.core.input_type.format, files.core.node.type.format
    terms = files.core.sweeps[0].kernel if isinstance(files.core.sweeps[0], PoolAxis) else 1
    between = results if len(files.core.sweeps) == 1 else sum_format(fmt, terms)
    _render(files, op, "sums of", "pool_axis", [_sums(fmt, between), _sums(between, results)], between)


def render_upsample(files: CoreFiles, op: Upsample) -> None:
    """Renders the core's entities."""
    _render(files, op, "nearest upsampling", "repeat_axis", [{}, {}], files.core.input_type.format)


def render_pad(files: CoreFiles, op: Pad) -> None:
    """Renders the core's entities."""
    fmt = files.core.input_type.format
    code = {"code": op.code, "code_bits": Bits(op.code, fmt.total_bits)}
    _render(files, op, "padding", "spread_axis", [code, code], fmt)


def _render(files: CoreFiles, op: Op, purpose: str, template: str, kinds: list[dict[str, Any]], between: Format) -> None:
    """One entity an axis; two of them, ``between`` which values have that format, with one around them."""
    axes, lanes = files.core.sweeps, files.core.lanes.input
    each = [_axis_values(axis) | kind for axis, kind in zip(axes, kinds, strict=False)]
    if len(axes) == 1:
        files.main(each[0] | {"alone": True})
        return
    source, result = files.core.input_type.format, files.core.node.type.format
    common = {"where": Comment(files.core.node.where), "input_lanes": lanes, "output_lanes": lanes}
    names = [
        files.part(template, f"axis_{index + 1}", common | {"input_format": before, "output_format": after} | values)
        for index, (before, after, values) in enumerate(zip((source, between), (between, result), each, strict=True))
    ]
    files.main(
        {
            "alone": False,
            "purpose": Comment(purpose),
            "interval": files.core.timing.interval,
            "between_bits": between.total_bits * lanes,
            "first_entity": names[0],
            "second_entity": names[1],
        }
    )


def _axis_values(axis: Axis) -> dict[str, Any]:
    shared = {
        "outer": axis.outer,
        "length": axis.length,
        "inner": axis.inner,
        "beat_bits": address_bits(axis.inner),
        "interval": axis.interval,
        "stages": axis.stages,
        "remembers": axis.remembers,
    }
    match axis:
        case PoolAxis():
            return shared | _pool_values(axis)
        case RepeatAxis():
            return shared | {"times": axis.times, "turn_bits": address_bits(axis.times)}
        case SpreadAxis():
            return shared | _spread_values(axis)
    raise AssertionError(axis)


def _pool_values(axis: PoolAxis) -> dict[str, Any]:
    # Offsets are counted from the least that occurs: at the beginning of a run, or after a window is complete.
    least = min(axis.before, axis.kernel - axis.stride)
    full = axis.kernel - 1 - least
    starting = [
        {
            "offset": slot * axis.stride - least,
            "first": axis.before > slot * axis.stride,
        }
        for slot in range(axis.kept)
    ]
    from_input = axis.clips and not axis.flush
    last = max(position for position, gives in enumerate(axis.gives) if gives)
    return {
        "kernel": axis.kernel,
        "stride": axis.stride,
        "before": axis.before,
        "kept": axis.kept,
        "shifts": axis.shifts,
        "flush": axis.flush,
        "moves": full > 0,
        "least": least,
        "full": full,
        "begin": axis.before - least,
        "restart": axis.kernel - axis.stride - least,
        "offset_bits": address_bits(full + 1),
        "starting": starting,
        "counts": not axis.aligned,
        "position_bits": address_bits(axis.length + axis.flush),
        "at_end": axis.overhangs,
        "last_from_input": from_input,
        "last_position": last,
        "counts_runs": axis.outer > 1 and not from_input,
        "run_bits": address_bits(axis.outer),
    }


def _spread_values(axis: SpreadAxis) -> dict[str, Any]:
    return {
        "before": axis.before,
        "after": axis.after,
        "step": axis.step,
        "positions": axis.positions,
        "position_bits": address_bits(axis.positions),
        "place_bits": address_bits(axis.step),
        "final": axis.before + (axis.length - 1) * axis.step,
        "conditions": axis.before > 0 or axis.after > 0 or axis.step > 1,
    }


def _maxima(fmt: Format) -> dict[str, Any]:
    return {
        "sums": False,
        "kind": Identifier("signed" if fmt.signed else "unsigned"),
        "value_bits": fmt.total_bits,
        "result_bits": fmt.total_bits,
        "lowest": Bits(fmt.min_code, fmt.total_bits),
        "widens": False,
        "casts": False,
        "extends": False,
        "zero_point": 0,
    }


def _sums(fmt: Format, results: Format) -> dict[str, Any]:
    """Values for sums of codes of ``fmt``, each less its zero point, in ``results``."""
    zero = zero_point(fmt)
    extends = zero != 0 and not fmt.signed
    operand = bits_for(*centred(Interval.of(fmt), fmt)) if zero else fmt.total_bits
    return {
        "sums": True,
        "kind": Identifier("signed" if results.signed else "unsigned"),
        "value_bits": max(operand, fmt.total_bits + extends),
        "result_bits": results.total_bits,
        "lowest": None,
        "widens": zero != 0,
        "casts": not results.signed,
        "extends": extends,
        "zero_point": zero,
    }

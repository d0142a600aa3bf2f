"""What the templates of the requantizer and of limits need to know: widths, and how a bound is tested most cheaply."""

from __future__ import annotations

from typing import Any

from creator.affine import Format
from creator.formats import FixedPoint, Overflow, Rounding, bits_for
from creator.ops import Interval
from creator.ops.quantize import requantizer_stages, rounded_interval
from creator.render.values import Bits, Identifier, signed_literal


def limit_values(source: str, target: str, values: Interval, low: int, high: int, output: Format) -> dict[str, Any]:
    """Values for ``limit.vhd.j2``: ``target <= clip(source, low, high)`` for a signed source within ``values``."""
    needs_low, needs_high = low > values.low, high < values.high
    reached = [*values, *([low] if needs_low else []), *([high] if needs_high else [])]
    width = bits_for(min(reached), max(reached))
    found: dict[str, Any] = {
        "source": Identifier(source),
        "target": Identifier(target),
        "source_bits": width,
        "result_bits": output.total_bits,
        "low_bits": Bits(low, output.total_bits),
        "high_bits": Bits(high, output.total_bits),
        "low_literal": signed_literal(low, width) if needs_low else None,
        "high_literal": signed_literal(high, width) if needs_high else None,
        "below": "never",
        "above": "never",
    }
    # A bound at a power of two shows in the bits between it and the sign, of which there is at least one, since values lie
    # beyond the bound; other bounds need a comparison.
    if needs_low:
        place = (-low).bit_length() - 1
        if low == 0:
            found["below"] = "sign"
        elif low == -(1 << place):
            found |= {"below": "bits", "below_from": place, "below_ones": Bits(-1, width - 1 - place)}
        else:
            found["below"] = "compare"
    if needs_high:
        place = high.bit_length()
        if high >= 0 and high == (1 << place) - 1:
            found |= {"above": "bits", "above_from": place, "above_zeros": Bits(0, width - 1 - place)}
        else:
            found["above"] = "compare"
    return found


def requantizer_values(
    value: Format,
    values: Interval,
    output: FixedPoint,
    rounding: Rounding,
    overflow: Overflow,
    low: int,
    high: int,
    zero_point: int = 0,
    offset: int = 0,
) -> dict[str, Any]:
    """Values for ``requantizer.vhd.j2``.

    Args:
        value: format of what comes in.
        values: bounds of its codes.
        output, rounding, overflow, low, high: as in the operations.
        zero_point: added to the rounded value, before it is limited.
        offset: what the value has on top of what is to be rounded half to even: 0, or one half.
    """
    value_bits = value.total_bits + (not value.signed)
    # Dropping more bits than one beyond the value's own gives the same: everything is then a quarter or less.
    shift = min(value.frac_bits - output.frac_bits, value_bits + 1)
    wide_bits = max(value_bits, shift + 1)
    rounds = requantizer_stages(shift, rounding) == 2 and not offset
    adds = rounds or zero_point != 0
    # The even code below -1 is -2, which needs two bits.
    kept_bits = max(wide_bits - shift, bits_for(zero_point, zero_point), 2 if offset else 1) + adds
    exact = Interval(values.low - offset, values.high - offset)
    rounded = Interval(*(code + zero_point for code in rounded_interval(exact, value.frac_bits - output.frac_bits, rounding)))
    wraps = overflow is Overflow.WRAP and not (output.min_code <= rounded.low and rounded.high <= output.max_code)
    limits = limit_values(
        "wrapped" if wraps else "rounded", "result", Interval.of(output) if wraps else rounded, low, high, output
    )
    rounded_bits = max(bits_for(*rounded), output.total_bits) if wraps else limits["source_bits"]
    return limits | {
        "value_format": value,
        "output_format": output,
        "rounding": rounding,
        "overflow": overflow,
        "low": low,
        "high": high,
        "shift": shift,
        "wide_bits": wide_bits,
        "kept_bits": kept_bits,
        "rounds": rounds,
        "adds": adds,
        "evens": offset != 0,
        "even_mask": Bits(-2, kept_bits) if offset else None,
        "zero_point": zero_point,
        "zero_bits": Bits(zero_point, kept_bits),
        "rounded_bits": rounded_bits,
        "wraps": wraps,
        "below_half": Bits(0, shift - 1) if shift > 1 else None,
        "all_dropped": Bits(0, shift) if shift > 0 else None,
    }

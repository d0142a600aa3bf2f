"""What kernels have to compute, after docs/numerics.md: as relations between inputs and outputs in wide integers.

Nothing here rounds. An integer ``r`` is the rounded value of x if x has reached the least value that rounds to ``r`` but not
the least that rounds to ``r + 1``. The claim is about every x and r of which that is true.
"""

from __future__ import annotations

from creator.affine import Format
from creator.formats import Overflow, Rounding
from tests.proofs.kernels import Requantizer
from tests.proofs.pipeline import Function
from tests.proofs.sat import Claim


def number(value: int, bits: int) -> str:
    """A signed constant."""
    return f"$signed({bits}'d{value % (1 << bits)})"


def wide(name: str, bits: int, signed: bool, width: int) -> str:
    """Bits as a signed number of ``width`` bits."""
    sign = f"{name}[{bits - 1}]" if signed else "1'b0"
    return f"$signed({{{{{width - bits}{{{sign}}}}}, {name}}})"


def reached(rounding: Rounding, twice: str, name: str, more: str, step: int, bits: int) -> str:
    """Whether x has come so far that it rounds to k = ``name`` + ``more`` at least.

    ``twice`` is 2 * x in units of which 2**``step`` make one.
    """
    k = f"({name} + {more})"
    odd = f"(({k} & {number(1, bits)}) != {number(0, bits)})"
    one, zero = number(1, bits), number(0, bits)
    half_below = f"((({k} <<< 1) - {one}) <<< {step})"  # 2 * (k - 1/2)
    whole, whole_below = f"({k} <<< {step + 1})", f"(({k} - {one}) <<< {step + 1})"
    match rounding:
        case Rounding.HALF_EVEN:  # the tie below k is k's if k is even
            return f"({twice} > {half_below} || ({twice} == {half_below} && !{odd}))"
        case Rounding.HALF_UP:
            return f"({twice} >= {half_below})"
        case Rounding.HALF_AWAY:  # the tie below k is k's if k is positive
            return f"({twice} > {half_below} || ({twice} == {half_below} && {k} > {zero}))"
        case Rounding.FLOOR:
            return f"({twice} >= {whole})"
        case Rounding.TOWARD_ZERO:  # k is reached from below at k itself if it is positive, else right after k - 1
            return f"({k} > {zero} ? {twice} >= {whole} : {twice} > {whole_below})"
    raise AssertionError(rounding)


def limited(code: str, output: Format, overflow: Overflow, low: int, high: int, bits: int) -> str:
    """Verilog of ``expected``: the code that the integer ``code`` becomes."""
    least, most = number(output.min_code, bits), number(output.max_code, bits)
    if overflow is Overflow.WRAP:
        inside = wide("low_bits", output.total_bits, output.signed, bits)
        lines = f"  wire [{output.total_bits - 1}:0] low_bits = {code};\n  wire signed [{bits - 1}:0] fitting = {inside};\n"
    else:
        lines = f"  wire signed [{bits - 1}:0] fitting = {code} < {least} ? {least} : {code} > {most} ? {most} : {code};\n"
    a, b = number(low, bits), number(high, bits)
    return lines + f"  wire signed [{bits - 1}:0] expected = fitting < {a} ? {a} : fitting > {b} ? {b} : fitting;\n"


def requantizes(kernel: Requantizer, function: Function) -> Claim:
    """``result = clip(limit(round(value * 2**-shift) + zero_point), low, high)`` for every value within the interval."""
    bits = _bits(kernel)
    body = (
        _value(kernel, bits)
        + f"  wire signed [{bits - 1}:0] moved = r + {number(kernel.zero_point, bits)};\n"
        + f"  assign ok = inside && {_is_rounded(kernel, 'r', bits)};\n"
        + limited("moved", kernel.output, kernel.overflow, kernel.low, kernel.high, bits)
        + f"  assign bad = {wide('result', kernel.output.total_bits, kernel.output.signed, bits)} != expected;\n"
    )
    return Claim(function, {"r": f"signed [{bits - 1}:0]"}, body)


def some_value_is_reached(kernel: Requantizer, function: Function) -> Claim:
    """Of every value within the interval one integer next to it is the rounded value."""
    bits = _bits(kernel)
    down, up = max(kernel.shift, 0), max(-kernel.shift, 0)
    body = (
        _value(kernel, bits)
        + f"  wire signed [{bits - 1}:0] lower = (x <<< {up}) >>> {down};\n"
        + f"  wire signed [{bits - 1}:0] upper = lower + {number(1, bits)};\n"
        + "  assign ok = inside;\n"
        + f"  assign bad = !({_is_rounded(kernel, 'lower', bits)} || {_is_rounded(kernel, 'upper', bits)});\n"
    )
    return Claim(function, {}, body)


def _bits(kernel: Requantizer) -> int:
    """Enough for every number here."""
    up, down = max(-kernel.shift, 0), max(kernel.shift, 0)
    return max(kernel.entry.total_bits + up, kernel.output.total_bits, abs(kernel.zero_point).bit_length()) + down + 4


def _value(kernel: Requantizer, bits: int) -> str:
    """Verilog of ``x``, of ``twice``, and of ``inside``: whether x lies in the interval."""
    entry = kernel.entry
    more = number(kernel.offset, bits)
    return (
        f"  wire signed [{bits - 1}:0] x = {wide('value', entry.total_bits, entry.signed, bits)} - {more};\n"
        f"  wire signed [{bits - 1}:0] twice = x <<< {max(-kernel.shift, 0) + 1};\n"
        f"  wire inside = x >= {number(kernel.interval.low, bits)} && x <= {number(kernel.interval.high, bits)};\n"
    )


def _is_rounded(kernel: Requantizer, name: str, bits: int) -> str:
    """Verilog: whether an integer is what x is rounded to. It has to be small, so that nothing here overflows."""
    down = max(kernel.shift, 0)
    bound = f"({number(1, bits)} <<< {bits - down - 3})"
    this = reached(kernel.rounding, "twice", name, number(0, bits), down, bits)
    following = reached(kernel.rounding, "twice", name, number(1, bits), down, bits)
    return f"({name} > -{bound} && {name} < {bound} && {this} && !{following})"

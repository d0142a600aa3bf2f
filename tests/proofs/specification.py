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


def reached(rounding: Rounding, twice: str, k: str, step: int, bits: int) -> str:
    """Whether x has come so far that it rounds to k at least. ``twice`` is 2 * x in units of which 2**``step`` make one."""
    one, zero = number(1, bits), number(0, bits)
    half_below = f"((({k} <<< 1) - {one}) <<< {step})"  # 2 * (k - 1/2)
    whole, whole_below = f"({k} <<< {step + 1})", f"(({k} - {one}) <<< {step + 1})"
    match rounding:
        case Rounding.HALF_EVEN:  # the tie below k is k's if k is even
            return f"({twice} > {half_below} || ({twice} == {half_below} && !{k}[0]))"
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
        inside = wide(f"low_bits", output.total_bits, output.signed, bits)
        lines = f"  wire [{output.total_bits - 1}:0] low_bits = {code};\n  wire signed [{bits - 1}:0] fitting = {inside};\n"
    else:
        lines = f"  wire signed [{bits - 1}:0] fitting = {code} < {least} ? {least} : {code} > {most} ? {most} : {code};\n"
    a, b = number(low, bits), number(high, bits)
    return lines + f"  wire signed [{bits - 1}:0] expected = fitting < {a} ? {a} : fitting > {b} ? {b} : fitting;\n"


def requantizes(kernel: Requantizer, function: Function) -> Claim:
    """``result = clip(limit(round(value * 2**-shift) + zero_point), low, high)`` for every value within the interval."""
    entry, up, down = kernel.entry, max(-kernel.shift, 0), max(kernel.shift, 0)
    bits = max(entry.total_bits + up, kernel.output.total_bits, abs(kernel.zero_point).bit_length()) + down + 4
    one = number(1, bits)
    body = (
        f"  wire signed [{bits - 1}:0] x = {wide('value', entry.total_bits, entry.signed, bits)};\n"
        f"  wire signed [{bits - 1}:0] twice = x <<< {up + 1};\n"
        f"  wire signed [{bits - 1}:0] r_next = r + {one};\n"
        f"  wire signed [{bits - 1}:0] moved = r + {number(kernel.zero_point, bits)};\n"
        f"  wire small = r > -({one} <<< {bits - down - 3}) && r < ({one} <<< {bits - down - 3});\n"
        f"  assign ok = small && x >= {number(kernel.interval.low, bits)} && x <= {number(kernel.interval.high, bits)}\n"
        f"    && {reached(kernel.rounding, 'twice', 'r', down, bits)}\n"
        f"    && !{reached(kernel.rounding, 'twice', 'r_next', down, bits)};\n"
        + limited("moved", kernel.output, kernel.overflow, kernel.low, kernel.high, bits)
        + f"  assign bad = {wide('result', kernel.output.total_bits, kernel.output.signed, bits)} != expected;\n"
    )
    return Claim(function, {"r": f"signed [{bits - 1}:0]"}, body)

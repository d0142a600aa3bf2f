"""Kernels that multiply, and what is claimed of them.

No SAT solver proves a wide multiplication equal to another one. So a multiplier block is taken to multiply, and the proof is
about all the rest: that its operands are the numbers that shall be multiplied, and that whatever products come out of it,
of the size that products have, the sums are right. Kernels with few input bits are exhausted instead, multipliers included.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from creator.affine import Format
from creator.formats import FixedPoint, IntArray
from creator.ops import Interval, Lanes, Linear, Rescale, TensorType
from creator.ops.base import deep_stages
from creator.ops.rescale import PART_BITS
from creator.passes import LOWER, run_passes
from creator.schedule.mac_array import MacArray
from tests.graph.chains import chain
from tests.proofs.kernels import Kernel, part, rendered
from tests.proofs.pipeline import Codes, Function
from tests.proofs.sat import Claim
from tests.proofs.specification import number, wide


@dataclass(frozen=True)
class Mac:
    """What multiplies and accumulates in the core of a layer.

    Args:
        kernel: its entity.
        op: the layer, with the accumulator that it needs.
        array: its multipliers.
    """

    kernel: Kernel
    op: Linear
    array: MacArray

    @property
    def accumulates(self) -> bool:
        return self.array.lanes.input < self.op.in_features


def of_layer(op: Linear, entry: FixedPoint, lanes: Lanes = Lanes(), cuts: bool = True) -> Mac:  # noqa: B008
    """The multipliers and sums of a layer."""
    (node,) = run_passes(chain(op, entry=entry, shape=(op.in_features,)), LOWER).nodes
    assert isinstance(node.op, Linear)
    op = node.op
    files = rendered(op, entry, (op.in_features,), lanes=lanes)
    array = MacArray(op, files.core.input_type, files.interval, lanes)
    sums = op.sum_stages(lanes) - 1 - deep_stages(op.words(lanes))  # from the output of the memories on
    packing = " packed" if lanes.packed else ""
    title = f"{lanes.input}x{lanes.output}{packing} products, {entry} * {array.weight_bits} bits, sums of {op.accumulator}"
    accumulates = lanes.input < op.in_features
    arrival = {"first": sums - 1, "bias": sums - 1, "valid": sums - 1}
    constants = {"enable": 1, "valid": 1}
    kernel = Kernel(title, part(files, "_mac"), {"sum": sums}, arrival, constants, ("sum",) if accumulates else (), cuts)
    present = {name for name, _, _ in kernel.ports}
    kernel = replace(kernel, constants={name: value for name, value in constants.items() if name in present})
    return Mac(kernel, op, array)


class Factor(NamedTuple):
    """An operand that a multiplier shall have: Verilog of a signed number of so many bits, and its values."""

    verilog: str
    values: IntArray


def signed(values: Codes, bits: int) -> IntArray:
    """Unsigned numbers read as signed ones."""
    return values - ((values >> (bits - 1) & 1) << bits)


def field(name: str, low: int, bits: int) -> str:
    """Bits of a port."""
    return f"{name}[{low + bits - 1}:{low}]"


class Product(NamedTuple):
    """Two factors, and the Verilog of what their product is called."""

    one: Factor
    other: Factor


def assigned(function: Function, wanted: Sequence[Product], values: Mapping[str, Codes]) -> list[tuple[int, str, str]]:
    """For each product the number of the multiplier that makes it, and its port for either factor, as far as the outputs for
    random inputs tell. That it is so for all inputs is part of the claim."""
    count = len(next(iter(values.values())))
    zeros = {name: np.zeros(count, dtype=np.int64) for name in function.ports()[0] if name.startswith("product_")}
    found = function.run({**values, **zeros})
    operands = {
        f"{side}_{index}": signed(found[f"{side}_{index}"], len(getattr(made, side)))
        for index, made in enumerate(function.multiplications)
        for side in "ab"
    }
    left, places = set(range(len(function.multiplications))), []
    for product in wanted:
        fitting = [
            (index, *order)
            for index in sorted(left)
            for order in ((f"a_{index}", f"b_{index}"), (f"b_{index}", f"a_{index}"))
            if (operands[order[0]] == product.one.values).all() and (operands[order[1]] == product.other.values).all()
        ]
        assert fitting, (
            f"{function.kernel.title}: no multiplier has the operands {product.one.verilog}, {product.other.verilog}"
        )
        places.append(fitting[0])
        left.remove(fitting[0][0])
    assert not left, f"{function.kernel.title}: {len(left)} multipliers more than products"
    return places


def random_inputs(function: Function, count: int = 192) -> dict[str, Codes]:
    """Some values for each input, the same every time."""
    rng = random.Random(7)
    numbers = {name: [rng.getrandbits(len(bits)) for _ in range(count)] for name, bits in function.inputs.items()}
    return {name: np.array(found, dtype=object) for name, found in numbers.items()}


def operands_bad(function: Function, wanted: Sequence[Product], places: Sequence[tuple[int, str, str]], bits: int) -> list[str]:
    """Verilog of what must be false: an operand is not the factor."""
    ports = function.ports()[1]
    found = []
    for product, (_, one, other) in zip(wanted, places, strict=True):
        for port, factor in ((one, product.one), (other, product.other)):
            found.append(f"{wide(port, len(ports[port]), True, bits)} != {factor.verilog}")
    return found


def accumulates(mac: Mac, function: Function) -> Claim:
    """Each row's next sum is its bias or its sum before, plus the products of its weights, modulo 2**bits of the sum."""
    array, op = mac.array, mac.op
    lanes, rows, pairs = array.lanes.input, array.lanes.output, array.pairs
    x_bits, w_bits, u_bits, low = array.x.format.total_bits, array.weight_bits, array.upper_bits, array.low_bits
    sum_bits, bias_bits, align = op.accumulator.total_bits, array.bias_bits, op.align(array.x)
    bits = max(2 * low, sum_bits + align, array.product_bits + sum_bits, 40) + u_bits + 4
    values = random_inputs(function)
    activations, wanted, witnesses, ok = [], [], {}, ["1'b1"]
    products: dict[tuple[int, int], str] = {}
    for lane in range(lanes):
        raw = values["activation"] >> lane * x_bits & ((1 << x_bits) - 1)
        text = sliced("activation", lane * x_bits, x_bits, array.x.format.signed, bits)
        activations.append(Factor(text, signed(raw, x_bits) if array.x.format.signed else raw))

    def weight(place: int, width: int) -> Factor:
        raw = signed(values["weight"] >> place & ((1 << width) - 1), width)
        return Factor(sliced("weight", place, width, True, bits), raw)

    # Of a product that may be asked for; an absent row's weights are zero.
    reach = corners(array.interval, Interval(min(0, int(op.weight.min())), max(0, int(op.weight.max()))))
    joint: list[str] = []
    for pair in range(pairs):
        for lane in range(lanes):
            place = (u_bits + w_bits) * (lanes * pair + lane)
            w0, upper = weight(place, w_bits), weight(place + w_bits, u_bits)
            one_more = f"({w0.verilog} < {number(0, bits)} ? {number(1, bits)} : {number(0, bits)})"
            both = f"(({upper.verilog} + {one_more}) <<< {low}) + {w0.verilog}"
            wanted.append(
                Product(activations[lane], Factor(f"({both})", ((upper.values + (w0.values < 0)) << low) + w0.values))
            )
            for row in (2 * pair, 2 * pair + 1):
                name = products[row, lane] = f"p_{row}_{lane}"
                witnesses[name] = f"signed [{bits - 1}:0]"
                ok.append(between(name, reach, bits))
            joint.append(f"({products[2 * pair + 1, lane]} <<< {low}) + {products[2 * pair, lane]}")
    for row in range(rows - 2 * pairs):
        for lane in range(lanes):
            place = pairs * lanes * (u_bits + w_bits) + w_bits * (lanes * row + lane)
            factor = weight(place, w_bits)
            name = products[2 * pairs + row, lane] = f"p_{2 * pairs + row}_{lane}"
            if array.selects:
                joint.append("")
                x = activations[lane].verilog
                choice = number(0, bits)
                for value in range(-(1 << (w_bits - 1)), 1 << (w_bits - 1)):
                    multiple = f"({x} * {number(value, bits)})"
                    choice = f"({factor.verilog} == {number(value, bits)} ? {multiple} : {choice})"
                products[2 * pairs + row, lane] = choice
                continue
            wanted.append(Product(activations[lane], factor))
            witnesses[name] = f"signed [{bits - 1}:0]"
            ok.append(between(name, reach, bits))
            joint.append(name)
    places = assigned(function, wanted, values)
    for (index, _, _), text in zip(places, [text for text in joint if text], strict=True):
        port = f"product_{index}"
        ok.append(f"{wide(port, len(function.multiplications[index].product), True, bits)} == {text}")
    bad = operands_bad(function, wanted, places, bits)
    body = ""
    for row in range(rows):
        total = " + ".join(products[row, lane] for lane in range(lanes))
        bias = sliced("bias", row * bias_bits, bias_bits, True, bits) if bias_bits else number(int(op.bias[0]), bits)
        before = sliced("sum_before", row * sum_bits, sum_bits, True, bits) if mac.accumulates else ""
        start = f"(first ? {bias} : {before})" if mac.accumulates else bias
        body += f"  wire signed [{bits - 1}:0] total_{row} = {start} + (({total}) <<< {align});\n"
        bad.append(f"{field('sum', row * sum_bits, sum_bits)} != total_{row}[{sum_bits - 1}:0]")
    body += f"  assign ok = {' && '.join(ok)};\n  assign bad = {' || '.join(bad)};\n"
    return Claim(function, witnesses, body)


def between(name: str, bounds: Interval, bits: int) -> str:
    """Verilog: whether a number lies within bounds."""
    return f"({name} >= {number(bounds.low, bits)} && {name} <= {number(bounds.high, bits)})"


def corners(one: Interval, other: Interval) -> Interval:
    """Bounds of products."""
    products = [a * b for a in one for b in other]
    return Interval(min(products), max(products))


def sliced(name: str, low: int, width: int, is_signed: bool, bits: int) -> str:
    """Bits of a port as a number of ``bits`` bits."""
    sign = f"{name}[{low + width - 1}]" if is_signed else "1'b0"
    return f"$signed({{{{{bits - width}{{{sign}}}}}, {field(name, low, width)}}})"


def of_factors(op: Rescale, entry: Format, interval: Interval | None = None) -> Kernel:
    """The multiplier of a change of scale with several factors."""
    files = rendered(op, entry, (len(op.factors),), interval)
    x = TensorType((len(op.factors),), entry)
    title = f"{entry} * factors of {op.scaling.factor_bits} bits"
    return Kernel(title, part(files, "_multiplier"), {"value": op.multiplier_stages(x)}, cuts=True)


def multiplies(function: Function, entry: Format, zero_point: int) -> Claim:
    """``value = (code - zero_point) * factor`` modulo 2**bits of the value: operands are the parts of both, and value is the
    sum of the parts' products, each at its place."""
    code_bits, factor_bits = len(function.inputs["code"]), len(function.inputs["factor"])
    value_bits = len(function.outputs["value"])
    low, high = entry.min_code - zero_point, entry.max_code - zero_point
    operand_bits = max((~low if low < 0 else low).bit_length(), (~high if high < 0 else high).bit_length()) + 1
    counts = max(1, -(-(operand_bits - 1) // PART_BITS)), -(-factor_bits // PART_BITS)
    bits = PART_BITS * (sum(counts) + 2) + 8
    values = random_inputs(function)
    # Codes that a symmetric format leaves out may give anything.
    codes = signed(values["code"], code_bits) if entry.signed else values["code"]
    values["code"] = np.where((codes < entry.min_code) | (codes > entry.max_code), entry.max_code, codes) & (
        (1 << code_bits) - 1
    )
    codes = signed(values["code"], code_bits) if entry.signed else values["code"]
    wanted, total, ok = [], [], []
    for i in range(counts[0]):
        for j in range(counts[1]):
            one = _piece("x", codes - zero_point, i, counts[0], bits)
            wanted.append(Product(one, _piece("f", values["factor"], j, counts[1], bits)))
    places = assigned(function, wanted, values)
    pairs = [(i, j) for i in range(counts[0]) for j in range(counts[1])]
    for (i, j), (index, _, _) in zip(pairs, places, strict=True):
        port = f"product_{index}"
        product = wide(port, len(function.multiplications[index].product), True, bits)
        ok.append(
            between(product, corners(_range(i, counts[0], low, high), _range(j, counts[1], 0, (1 << factor_bits) - 1)), bits)
        )
        total.append(f"({product} <<< {PART_BITS * (i + j)})")
    bad = [*operands_bad(function, wanted, places, bits), f"value != total[{value_bits - 1}:0]"]
    ok += [f"code_in >= {number(entry.min_code, bits)}", f"code_in <= {number(entry.max_code, bits)}"]
    body = (
        f"  wire signed [{bits - 1}:0] code_in = {wide('code', code_bits, entry.signed, bits)};\n"
        f"  wire signed [{bits - 1}:0] x = code_in - {number(zero_point, bits)};\n"
        f"  wire signed [{bits - 1}:0] f = {wide('factor', factor_bits, False, bits)};\n"
        f"  wire signed [{bits - 1}:0] total = {' + '.join(total)};\n"
        f"  assign ok = {' && '.join(ok)};\n  assign bad = {' || '.join(bad)};\n"
    )
    return Claim(function, {}, body)


def _range(index: int, count: int, low: int, high: int) -> Interval:
    """Bounds of a part of a number within bounds."""
    place = PART_BITS * index
    return Interval(low >> place, high >> place) if index == count - 1 else Interval(0, (1 << PART_BITS) - 1)


def _piece(name: str, values: IntArray, index: int, count: int, bits: int) -> Factor:
    """Part ``index`` of a number that is cut into ``count`` parts; the highest has its sign."""
    if index == count - 1:
        return Factor(f"({name} >>> {PART_BITS * index})", values >> PART_BITS * index)
    mask = (1 << PART_BITS) - 1
    return Factor(f"(({name} >>> {PART_BITS * index}) & {number(mask, bits)})", values >> PART_BITS * index & mask)

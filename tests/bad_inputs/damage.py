"""Ways to damage a saved graph: each makes other bytes of the good ones, which are those of :func:`good`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from creator.affine import Affine
from creator.formats import FixedPoint, Rounding
from creator.graph import Graph
from creator.ops import Clamp
from tests.graph.chains import chain, linear, quantize, rescale, table

KEY = "creator-graph"
F = FixedPoint
Header = dict[str, Any]
Damage = Callable[[bytes], bytes]


def good() -> Graph:
    """A node of every operation with hardware, in a file of 960 bytes of header and 656 of arrays."""
    paths = ("fc", "hard", "scale", "act", "out")
    change = quantize(F(6, 9, signed=False), Rounding.TOWARD_ZERO)
    return chain(
        linear(), Clamp(-5, 100), change, table(F(5, -2), bits=6), rescale([3, 40, 77], 6, Affine(0.1, 3, 6)), paths=paths
    )


def parts(whole: bytes) -> tuple[Header, bytes]:
    size = int.from_bytes(whole[:8], "little")
    return json.loads(whole[8 : 8 + size]), whole[8 + size :]


def joined(header: bytes, body: bytes, size: int | None = None) -> bytes:
    return (len(header) if size is None else size).to_bytes(8, "little") + header + body


def text_edit(old: str, new: str) -> Damage:
    """Other text of the graph."""

    def damage(whole: bytes) -> bytes:
        header, body = parts(whole)
        assert old in header["__metadata__"][KEY], old
        header["__metadata__"][KEY] = header["__metadata__"][KEY].replace(old, new, 1)
        return joined(json.dumps(header).encode(), body)

    return damage


def whole_text(text: object) -> Damage:
    return header_edit(lambda header: header["__metadata__"].__setitem__(KEY, text))


def header_edit(edit: Callable[[Header], object]) -> Damage:
    """Another header around the same arrays."""

    def damage(whole: bytes) -> bytes:
        header, body = parts(whole)
        edit(header)
        return joined(json.dumps(header).encode(), body)

    return damage


def entry(name: str, **changes: object) -> Damage:
    """Another description of one array; a key with ``None`` goes."""

    def edit(header: Header) -> None:
        header[name].update(changes)
        header[name] = {key: value for key, value in header[name].items() if value is not None}

    return header_edit(edit)


def raw_header(edit: Callable[[bytes], bytes]) -> Damage:
    def damage(whole: bytes) -> bytes:
        header, body = parts(whole)
        return joined(edit(json.dumps(header).encode()), body)

    return damage


def size(change: Callable[[int], int]) -> Damage:
    """Another length of the header."""
    return lambda whole: change(int.from_bytes(whole[:8], "little")).to_bytes(8, "little") + whole[8:]


def array(name: str, change: Callable[[np.ndarray], np.ndarray], dtype: str = "I64") -> Damage:
    """Other numbers in an array, in place of the last one."""

    def damage(whole: bytes) -> bytes:
        header, body = parts(whole)
        low, high = header[name]["data_offsets"]
        values = change(np.frombuffer(body[low:high], dtype=np.int64).reshape(header[name]["shape"]).copy())
        gap = len(values.tobytes()) - (high - low)
        header[name] |= {"dtype": dtype, "shape": list(values.shape), "data_offsets": [low, high + gap]}
        for key, item in header.items():
            if key != "__metadata__" and item["data_offsets"][0] >= high:
                item["data_offsets"] = [offset + gap for offset in item["data_offsets"]]
        return joined(json.dumps(header).encode(), body[:low] + values.tobytes() + body[high:])

    return damage


def put(value: int, *place: int) -> Callable[[np.ndarray], np.ndarray]:
    def change(values: np.ndarray) -> np.ndarray:
        values[place] = value
        return values

    return change


def added(name: str) -> Damage:
    """One array more, which the graph does not know."""

    def damage(whole: bytes) -> bytes:
        header, body = parts(whole)
        header[name] = {"dtype": "I64", "shape": [1], "data_offsets": [len(body), len(body) + 8]}
        return joined(json.dumps(header).encode(), body + bytes(8))

    return damage


ENDS = {
    "nothing": 0,
    "one byte": 1,
    "half of the length": 4,
    "the length": 8,
    "one byte of the header": 9,
    "half of the header": 500,
    "the header": 968,
    "one byte of the arrays": 969,
    "half of the arrays": 1300,
    "all but 8 bytes": -8,
    "all but one byte": -1,
}


def cut(end: int) -> Damage:
    return lambda whole: whole[:end]


TRUNCATED = {f"cut to {name}": cut(end) for name, end in ENDS.items()}

HEADERS: dict[str, Damage] = {
    "a byte more": lambda whole: whole + b"\0",
    "a megabyte more": lambda whole: whole + bytes(1 << 20),
    "twice": lambda whole: whole * 2,
    "zeros only": lambda whole: bytes(len(whole)),
    "ones only": lambda whole: b"\xff" * len(whole),
    "header of 0 bytes": size(lambda n: 0),
    "header a byte shorter": size(lambda n: n - 1),
    "header a byte longer": size(lambda n: n + 1),
    "header to the end of the file": size(lambda n: n + 656),
    "header past the end of the file": size(lambda n: n + 657),
    "header of a terabyte": size(lambda n: 1 << 40),
    "header of 2**63 - 1 bytes": size(lambda n: (1 << 63) - 1),
    "header of 2**64 - 1 bytes": size(lambda n: (1 << 64) - 1),
    "header that is a list": raw_header(lambda header: b"[" + header + b"]"),
    "header that is no JSON": raw_header(lambda header: header[:-1]),
    "header with NaN": raw_header(lambda header: header.replace(b"[64]", b"[NaN]")),
    "header that is no UTF-8": raw_header(lambda header: header.replace(b"act.table", b"act\xff.table")),
    "header in UTF-16": raw_header(lambda header: header.decode().encode("utf-16")),
    "header with a byte order mark": raw_header(lambda header: b"\xef\xbb\xbf" + header),
    "header nested 100,000 deep": raw_header(lambda header: b"[" * 100_000),
    "header with objects 100,000 deep": raw_header(lambda header: b'{"a":' * 100_000),
    "header with text behind it": raw_header(lambda header: header + b"x"),
    "metadata that are a number": header_edit(lambda header: header.__setitem__("__metadata__", 5)),
    "metadata without the graph": header_edit(lambda header: header.__setitem__("__metadata__", {})),
    "no metadata": header_edit(lambda header: header.pop("__metadata__")),
    "metadata with an object": header_edit(lambda header: header["__metadata__"].__setitem__("more", {})),
}

ENTRIES: dict[str, Damage] = {
    "offsets that overlap": entry("fc.bias", data_offsets=[504, 528]),
    "offsets with a gap": entry("fc.bias", shape=[2], data_offsets=[520, 536]),
    "offsets that are the same twice": entry("out.factors", data_offsets=[512, 536]),
    "offsets in reverse": entry("fc.bias", data_offsets=[536, 512]),
    "offsets below zero": entry("fc.bias", data_offsets=[-24, 0]),
    "offsets past the end": entry("out.factors", data_offsets=[632, 1 << 20]),
    "offsets that overflow": entry("out.factors", data_offsets=[(1 << 64) - 24, 1 << 64]),
    "offsets that are fractions": entry("fc.bias", data_offsets=[512.0, 536.5]),
    "offsets that are text": entry("fc.bias", data_offsets=["512", "536"]),
    "three offsets": entry("fc.bias", data_offsets=[512, 524, 536]),
    "no offsets": entry("fc.bias", data_offsets=None),
    "shape below zero": entry("fc.weight", shape=[-3, -4]),
    "shape with a zero": entry("fc.weight", shape=[0, 4]),
    "shape that overflows": entry("fc.weight", shape=[1 << 32, 1 << 32]),
    "shape that wraps to the right size": entry("fc.weight", shape=[12 + (1 << 61)]),
    "shape larger than its bytes": entry("fc.weight", shape=[3, 5]),
    "shape transposed": entry("fc.weight", shape=[4, 3]),
    "shape flat": entry("fc.weight", shape=[12]),
    "shape with one axis more": entry("fc.weight", shape=[3, 4, 1]),
    "shape of 1,000 axes": entry("fc.weight", shape=[3, 4] + [1] * 998),
    "shape that is text": entry("fc.weight", shape="3,4"),
    "no shape": entry("fc.weight", shape=None),
    "float64 with NaN": array("fc.weight", lambda values: np.full(values.shape, np.nan), "F64"),
    "float64 with infinities": array("fc.weight", lambda values: np.full(values.shape, np.inf), "F64"),
    "float64 with the right values": array("fc.weight", lambda values: values.astype(np.float64), "F64"),
    "float32": array("fc.bias", lambda values: values.astype(np.float32), "F32"),
    "float16": array("fc.bias", lambda values: values.astype(np.float16), "F16"),
    "bfloat16": array("fc.bias", lambda values: values.astype(np.int16), "BF16"),
    "int32": array("fc.bias", lambda values: values.astype(np.int32), "I32"),
    "int8": array("fc.bias", lambda values: values.astype(np.int8), "I8"),
    "uint64": array("fc.weight", lambda values: values.astype(np.uint64), "U64"),
    "bool": array("act.table", lambda values: values.astype(bool), "BOOL"),
    "complex": entry("fc.bias", dtype="C64"),
    "a type that does not exist": entry("fc.bias", dtype="I128"),
    "a type that is a number": entry("fc.bias", dtype=64),
    "no type": entry("fc.bias", dtype=None),
    "an array under another name": header_edit(lambda header: header.__setitem__("fc.biases", header.pop("fc.bias"))),
    "an array more": added("fc.gain"),
    "an array of no node": added("ghost.weight"),
    "an array without a name": added(""),
}

VALUES: dict[str, Damage] = {
    "a weight outside its format": array("fc.weight", put(32, 1, 2)),
    "the least int64 as a weight": array("fc.weight", put(-(1 << 63), 0, 0)),
    "a bias that overflows the sums": array("fc.bias", put((1 << 63) - 1, 0)),
    "a bias for another number of outputs": array("fc.bias", lambda values: values[:2]),
    "an entry outside its format": array("act.table", put(16, 5)),
    "a table of another size": array("act.table", lambda values: values[:63]),
    "a table twice as long": array("act.table", lambda values: np.tile(values, 2)),
    "no weights": array("fc.weight", lambda values: values[:0]),
    "a factor that overflows": array("out.factors", put(1 << 62, 0)),
    "factors for another number of channels": array("out.factors", lambda values: values[:2]),
}

TEXTS: dict[str, Damage] = {
    "empty text": whole_text(""),
    "text that is a number": whole_text(5),
    "text of another version": text_edit("creator-graph 1", "creator-graph 2"),
    "text without a version": text_edit("creator-graph 1\n", ""),
    "text of one line": whole_text("creator-graph 1"),
    "no input": text_edit("input input : fixed<8,4>[4]\n", ""),
    "two inputs": text_edit("input input : fixed<8,4>[4]\n", "input input : fixed<8,4>[4]\ninput more : fixed<8,4>[4]\n"),
    "no return": text_edit("return out\n", ""),
    "two returns": text_edit("return out\n", "return out\nreturn fc\n"),
    "a return of what does not exist": text_edit("return out\n", "return nothing\n"),
    "no line end at the end": text_edit("return out\n", "return out"),
    "two spaces": text_edit(" = clamp(fc)", "  =  clamp(fc)"),
    "text behind the return": text_edit("return out\n", "return out\n\n\nimport os\n"),
    "an empty line": text_edit("\nact = ", "\n\nact = "),
    "a node that reads itself": text_edit("clamp(fc)", "clamp(hard)"),
    "a cycle of two nodes": text_edit("linear(input)", "linear(hard)"),
    "a cycle through all nodes": text_edit("linear(input)", "linear(out)"),
    "nodes in the wrong order": text_edit("quantize(hard)", "quantize(act)"),
    "a node that reads nothing": text_edit("clamp(fc)", "clamp()"),
    "a node that reads two": text_edit("clamp(fc)", "clamp(fc, input)"),
    "a node that reads what does not exist": text_edit("clamp(fc)", "clamp(fd)"),
    "two nodes of one name": text_edit("hard = clamp(fc)", "fc = clamp(fc)"),
    "a node named as the input": text_edit("hard = clamp(fc)", "input = clamp(fc)"),
    "a node whose name is a path": text_edit("hard = clamp(fc)", "../hard = clamp(fc)"),
    "a node that nothing reads": text_edit("lookup(scale)", "lookup(fc)"),
    "an operation that does not exist": text_edit("clamp(fc)", "conv(fc)"),
    "an operation in capitals": text_edit("clamp(fc)", "Clamp(fc)"),
    "an operation that is code": text_edit("clamp(fc)", "__import__(fc)"),
    "a field missing": text_edit(" low=-5", ""),
    "a field twice": text_edit(" low=-5", " low=-5 low=-5"),
    "a field that does not exist": text_edit(" low=-5", " low=-5 gain=2"),
    "a field without a value": text_edit(" low=-5", " low="),
    "a rounding that does not exist": text_edit("rounding=half_even", "rounding=up"),
    "a rounding for training": text_edit("rounding=half_even", "rounding=stochastic"),
    "an overflow that does not exist": text_edit("overflow=saturate", "overflow=clip"),
    "a limit that is a fraction": text_edit("low=-5", "low=-5.0"),
    "a limit that is NaN": text_edit("low=-5", "low=nan"),
    "a limit of 10,000 digits": text_edit("low=-5", f"low=-{'9' * 10_000}"),
    "a limit in other digits": text_edit("high=100", "high=\u0661\u0660\u0660"),
    "a limit with an underscore": text_edit("high=100", "high=1_00"),
    "limits in reverse": text_edit("low=-5 high=100", "low=100 high=-5"),
    "limits outside the format": text_edit("high=100", "high=128"),
    "a format of 0 bits": text_edit("fixed<8,4>[4]", "fixed<0,4>[4]"),
    "a format of 64 bits": text_edit("fixed<8,4>[4]", "fixed<64,4>[4]"),
    "a format of 10**30 bits": text_edit("fixed<8,4>[4]", f"fixed<{10**30},4>[4]"),
    "a format of minus 8 bits": text_edit("fixed<8,4>[4]", "fixed<-8,4>[4]"),
    "a format far from zero": text_edit("fixed<8,4>[4]", "fixed<8,100000>[4]"),
    "a format of another family": text_edit("fixed<8,4>[4]", "float<8,4>[4]"),
    "an accumulator that can overflow": text_edit("fixed<52,8>", "fixed<8,8>"),
    "an accumulator that is too coarse": text_edit("fixed<52,8>", "fixed<52,2>"),
    "an accumulator without a sign": text_edit("fixed<52,8>", "ufixed<52,8>"),
    "a scale of NaN": text_edit("output=affine<6,0.1,3>", "output=affine<6,nan,3>"),
    "a scale of infinity": text_edit("output=affine<6,0.1,3>", "output=affine<6,1e999,3>"),
    "a scale of zero": text_edit("output=affine<6,0.1,3>", "output=affine<6,0.0,3>"),
    "a scale of 1e-400": text_edit("output=affine<6,0.1,3>", "output=affine<6,1e-400,3>"),
    "a scale that is no number": text_edit("output=affine<6,0.1,3>", "output=affine<6,+.e-,3>"),
    "a zero point far outside": text_edit("output=affine<6,0.1,3>", "output=affine<6,0.1,99999999999999999999>"),
    "a shift below zero": text_edit("shift=6", "shift=-6"),
    "a shift of a million": text_edit("shift=6", "shift=1000000"),
    "an input of no elements": text_edit("fixed<8,4>[4]", "fixed<8,4>[0]"),
    "an input without a shape": text_edit("fixed<8,4>[4]", "fixed<8,4>[]"),
    "an input of 10**12 elements": text_edit("fixed<8,4>[4]", "fixed<8,4>[1000000000000]"),
    "an input of another size": text_edit("fixed<8,4>[4]", "fixed<8,4>[5]"),
    "an input of 1,000 axes": text_edit("fixed<8,4>[4]", f"fixed<8,4>[4{',1' * 999}]"),
    "another type than the operation gives": text_edit(': fixed<8,4>[3] from "hard"', ': fixed<7,4>[3] from "hard"'),
    "another shape than the operation gives": text_edit(': fixed<8,4>[3] from "hard"', ': fixed<8,4>[4] from "hard"'),
    "an array of another shape": text_edit("table=@[64]", "table=@[32]"),
    "an array in place of a number": text_edit("low=-5", "low=@[1]"),
    "a number in place of an array": text_edit("table=@[64]", "table=5"),
    "a path with a broken escape": text_edit('from "hard"', r'from "\x"'),
    "a path that does not end": text_edit('from "hard"', 'from "hard'),
    "a path that is code": text_edit('from "hard"', "from os.system('x')"),
    "line ends of another system": text_edit("\nhard = ", "\r\nhard = \r\n"),
    "a line end inside a line": text_edit("low=-5", "low=-5\u2028"),
    "a null byte": text_edit("low=-5", "low=-5\0"),
    "a line of a megabyte": text_edit("low=-5", "low=-5 " + "x" * (1 << 20)),
}

OTHERS: dict[str, Damage] = {
    "a zip": lambda whole: b"PK\x03\x04" + whole,
    "a pickle": lambda whole: (
        b"\x80\x04\x95\x1a\0\0\0\0\0\0\0\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x01x\x94\x85\x94R\x94."
    ),
    "a shell script": lambda whole: b"#!/bin/sh\ntouch pwned\n",
    "the text alone": lambda whole: good().text().encode(),
    "VHDL": lambda whole: b"entity network is end entity;\n",
}

DAMAGES = TRUNCATED | HEADERS | ENTRIES | VALUES | TEXTS | OTHERS

"""The text form of a graph: prints and parses, and the two are inverses.

    creator-graph 1
    input input : fixed<8,4>[64]
    linear_1 = linear(input) weight=@[32,64] weight_format=fixed<6,5> ... : fixed<8,4>[32] from "1" "2"
    return linear_1

An array is printed as ``@`` and its shape; its numbers are the tensor ``<node>.<field>`` that is saved next to the text. An
``Affine`` format is printed as ``affine<8,0.05,3>``: bits, scale and zero point. Fields with default values are left out.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any, get_type_hints

import numpy as np

from creator.affine import Affine, Format
from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray, Overflow, Rounding
from creator.graph.graph import Graph, Node
from creator.ops import REGISTRY, TensorType

HEADER = "creator-graph 1"

_FIXED = re.compile(r"(u?)fixed<(\d+),(-?\d+)(,symmetric)?>")
_AFFINE = re.compile(r"(u?)affine<(\d+),([\d.e+-]+),(-?\d+)(,symmetric)?>")
_TYPE = re.compile(r"(u?(?:fixed|affine)<[^>]*>)\[([\d,]*)\]")
_NODE = re.compile(r'(\w+) = (\w+)\((\w+(?:, \w+)*)\)((?: \w+=\S+)*) : (\S+)((?: from)?(?: "(?:[^"\\]|\\.)*")*)')
_PATH = re.compile(r'"(?:[^"\\]|\\.)*"')


def fields_of(op: Any) -> tuple[dataclasses.Field[Any], ...]:
    """The fields of an operation or of its class: every one is a dataclass, though the base class is not."""
    return dataclasses.fields(op)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    """Whether a field has no default value."""
    return field.default is dataclasses.MISSING


def print_graph(graph: Graph) -> str:
    """The text of ``graph``, ending in a newline."""
    lines = [HEADER, f"input {graph.input} : {graph.input_type}"]
    for node in graph.nodes:
        values = ((field, getattr(node.op, field.name)) for field in fields_of(node.op))
        fields = "".join(
            f" {field.name}={_print(value)}" for field, value in values if _is_required(field) or value != field.default
        )
        paths = " from " + " ".join(json.dumps(path) for path in node.paths) if node.paths else ""
        lines.append(f"{node.name} = {node.op.name}({', '.join(node.inputs)}){fields} : {node.type}{paths}")
    lines.append(f"return {graph.output}")
    return "\n".join(lines) + "\n"


def arrays_of(graph: Graph) -> dict[str, IntArray]:
    """Every array of the graph under its name ``<node>.<field>``."""
    return {
        f"{node.name}.{field.name}": value
        for node in graph.nodes
        for field in fields_of(node.op)
        if isinstance(value := getattr(node.op, field.name), np.ndarray)
    }


def parse_graph(text: str, arrays: Mapping[str, IntArray]) -> Graph:
    """The verified graph that ``text`` and its arrays describe.

    Raises:
        CreatorError: naming the line that is not understood, or the node that is not sound.
    """
    lines = text.splitlines()
    if not lines or lines[0] != HEADER:
        raise CreatorError("is not a saved graph of this version", hint=f"its text must begin with {HEADER!r}")
    head = re.fullmatch(r"input (\w+) : (\S+)", lines[1]) if len(lines) > 2 else None
    tail = re.fullmatch(r"return (\w+)", lines[-1])
    if head is None or tail is None:
        raise CreatorError("the graph's text has no input line or no return line")
    nodes = []
    for number, line in enumerate(lines[2:-1], start=3):
        try:
            nodes.append(_parse_node(line, arrays))
        except (CreatorError, KeyError, ValueError, TypeError) as error:
            raise CreatorError(f"line {number} of the graph's text is not understood: {error}") from None
    try:
        input_type = _parse_type(head[2])
    except (CreatorError, ValueError) as error:
        raise CreatorError(f"line 2 of the graph's text is not understood: {error}") from None
    return Graph(head[1], input_type, tuple(nodes), tail[1]).verify()


def _print(value: object) -> str:
    match value:
        case np.ndarray():
            return f"@[{','.join(map(str, value.shape))}]"
        case tuple():
            return f"({','.join(map(str, value))})"
    return str(value)


def _parse_node(line: str, arrays: Mapping[str, IntArray]) -> Node:
    match = _NODE.fullmatch(line)
    if match is None:
        raise CreatorError("expected NAME = OP(INPUT, ...) FIELD=VALUE ... : TYPE from PATHS")
    name, op_name, sources, fields, type_text, paths = match.groups()
    kind = REGISTRY.get(op_name)
    if kind is None:
        raise CreatorError(f"there is no operation {op_name!r}")
    hints = get_type_hints(kind)
    given = dict(item.split("=", 1) for item in fields.split())
    expected = {field.name: _is_required(field) for field in fields_of(kind)}
    if not {name for name, required in expected.items() if required} <= set(given) <= set(expected):
        raise CreatorError(f"{op_name} has the fields {', '.join(sorted(expected))}")
    values = {key: _parse(text, hints[key], f"{name}.{key}", arrays) for key, text in given.items()}
    found = tuple(json.loads(path) for path in _PATH.findall(paths))
    return Node(name, kind(**values), tuple(sources.split(", ")), _parse_type(type_text), found)


def _parse(text: str, hint: Any, key: str, arrays: Mapping[str, IntArray]) -> Any:
    if hint is FixedPoint:
        return _parse_fixed(text)
    if hint == Format:
        return _parse_format(text)
    if hint in (Rounding, Overflow):
        return hint(text)
    if hint is int:
        return int(text)
    if hint == tuple[int, ...]:
        return tuple(int(n) for n in text.strip("()").split(",") if n)
    if key not in arrays:
        raise CreatorError(f"the array {key} is missing")
    if _print(arrays[key]) != text:
        raise CreatorError(f"the array {key} is {_print(arrays[key])}, not {text}")
    if arrays[key].dtype != np.int64:
        raise CreatorError(f"the array {key} is {arrays[key].dtype}, not int64")
    return arrays[key]


def _parse_fixed(text: str) -> FixedPoint:
    match = _FIXED.fullmatch(text)
    if match is None:
        raise CreatorError(f"{text!r} is not a fixed-point format")
    return FixedPoint(int(match[2]), int(match[3]), signed=not match[1], symmetric=bool(match[4]))


def _parse_format(text: str) -> Format:
    match = _AFFINE.fullmatch(text)
    if match is None:
        return _parse_fixed(text)
    # The shortest decimal that float64 tells from its neighbours, as repr prints it, comes back as the same float64.
    scale, zero_point = float(match[3]), int(match[4])
    return Affine(scale, zero_point, int(match[2]), signed=not match[1], symmetric=bool(match[5]))


def _parse_type(text: str) -> TensorType:
    match = _TYPE.fullmatch(text)
    if match is None:
        raise CreatorError(f"{text!r} is not a type")
    return TensorType(tuple(int(n) for n in match[2].split(",") if n), _parse_format(match[1]))

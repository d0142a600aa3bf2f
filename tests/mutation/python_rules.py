"""Faults in Python's arithmetic, found in the syntax tree: of each kind, at every place where it can be made."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.mutation.mutants import Change, Mutant, named

BINARY = {
    ast.Add: ["-"], ast.Sub: ["+"], ast.Mult: ["+"], ast.FloorDiv: ["*"], ast.Mod: ["//"], ast.LShift: [">>"],
    ast.RShift: ["<<"], ast.BitAnd: ["|"], ast.BitOr: ["&"], ast.BitXor: ["&"], ast.Pow: ["*"], ast.Div: ["*"],
    ast.MatMult: [],
}  # fmt: skip
COMPARE = {
    ast.Eq: ["!="], ast.NotEq: ["=="], ast.Lt: ["<=", ">="], ast.LtE: ["<", ">"], ast.Gt: [">=", "<="], ast.GtE: [">", "<"],
    ast.Is: ["is not"], ast.IsNot: ["is"], ast.In: ["not in"], ast.NotIn: ["in"],
}  # fmt: skip
TWINS = {
    "min": "max", "max": "min", "floor": "ceil", "rint": "floor", "trunc": "floor", "any": "all", "all": "any",
    "min_code": "max_code", "max_code": "min_code", "low": "high", "high": "low", "zeros_like": "ones_like",
    "gcd": "lcm", "lcm": "gcd", "frac_bits": "total_bits", "total_bits": "frac_bits", "clip": "maximum",
    "in_features": "out_features", "out_features": "in_features", "input": "output", "output": "input",
}  # fmt: skip

ONE = ("inputs", "values", "intervals")


def mutants_of(file: str, text: str) -> list[Mutant]:
    """All mutants of a Python file; what only makes a message, an annotation or a docstring is left alone."""
    return named(file, text, _Finder(text).changes(ast.parse(text)))


class _Finder:
    def __init__(self, text: str) -> None:
        self.text = text
        lines = text.splitlines(keepends=True)
        self.begins = [sum(map(len, lines[:n])) for n in range(len(lines) + 1)]

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._place(node.lineno, node.col_offset), self._place(node.end_lineno, node.end_col_offset)

    def _place(self, line: int, column: int) -> int:
        row = self.text[self.begins[line - 1] : self.begins[line]]
        return self.begins[line - 1] + len(row.encode()[:column].decode())

    def cut(self, node: ast.expr) -> str:
        start, end = self.span(node)
        return self.text[start:end]

    def changes(self, node: ast.AST) -> Iterator[Change]:
        """Those of ``node`` and of all below it."""
        if isinstance(node, (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom)):
            return
        if _is_only_operand(node):
            return
        yield from self._own(node)
        for name, value in ast.iter_fields(node):
            if name not in ("annotation", "returns", "decorator_list", "bases"):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        yield from self.changes(child)

    def _own(self, node: ast.AST) -> Iterator[Change]:
        match node:
            case ast.BinOp():
                yield from self._between("operator", node.left, node.right, BINARY[type(node.op)])
                if isinstance(node.op, (ast.Sub, ast.LShift, ast.RShift)):
                    new = f"({self.cut(node.right)}) {self._symbol(node.left, node.right)} ({self.cut(node.left)})"
                    yield "swapped operands", *self.span(node), new
                if isinstance(node.op, (ast.Add, ast.Sub, ast.LShift, ast.RShift, ast.BitAnd)):
                    yield "dropped term", *self.span(node), self.cut(node.left)
            case ast.Compare():
                terms = [node.left, *node.comparators]
                for place, op in enumerate(node.ops):
                    yield from self._between("relation", terms[place], terms[place + 1], COMPARE[type(op)])
            case ast.BoolOp():
                new = "or" if isinstance(node.op, ast.And) else "and"
                for first, second in zip(node.values, node.values[1:], strict=False):
                    yield from self._between("logic", first, second, [new])
            case ast.UnaryOp():
                yield "dropped sign or not", *self.span(node), self.cut(node.operand)
            case ast.Constant(value=bool()):
                yield "constant", *self.span(node), str(not node.value)
            case ast.Constant(value=int()):
                yield "constant", *self.span(node), str(node.value + 1)
                yield "constant", *self.span(node), str(node.value - 1)
            case ast.Constant(value=float()):
                yield "constant", *self.span(node), str(node.value + 1)
            case ast.IfExp() | ast.If():
                for new in ("True", "False"):
                    yield "condition", *self.span(node.test), new
            case ast.Attribute(attr=name) if name in TWINS:
                end = self.span(node)[1]
                yield "name", end - len(name), end, TWINS[name]
            case ast.Name(id=name) if name in TWINS and isinstance(node.ctx, ast.Load):
                yield "name", *self.span(node), TWINS[name]
            case ast.Assign() | ast.AugAssign() if node.col_offset:
                yield "dropped statement", *self.span(node), "pass"
            case ast.Expr(value=ast.Call()):
                yield "dropped statement", *self.span(node), "pass"

    def _symbol(self, left: ast.expr, right: ast.expr) -> str:
        return re.sub(r"[()\s]", "", self.text[self.span(left)[1] : self.span(right)[0]])

    def _between(self, kind: str, left: ast.expr, right: ast.expr, news: list[str]) -> Iterator[Change]:
        """The operator between two operands, without blanks and parentheses."""
        start, end = self.span(left)[1], self.span(right)[0]
        found = re.search(r"[^()\s](?:[^()]*[^()\s])?", self.text[start:end])
        assert found is not None
        for new in news:
            yield kind, start + found.start(), start + found.end(), new


def _is_only_operand(node: ast.AST) -> bool:
    """Whether this is ``inputs[0]`` and the like: operations have one operand, so the last one is the same."""
    return isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in ONE

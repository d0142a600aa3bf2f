"""Yosys's SAT solver: a kernel's netlist against a specification, for inputs of any width.

A claim is a Verilog module around the kernel: ``ok`` says which inputs count, ``bad`` that the kernel is wrong. It is
proven that no inputs give ok and bad, and that some give ok, since a proof about nothing would prove nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from creator.tools import find_tool, run_tool
from tests.proofs.pipeline import Function


@dataclass(frozen=True)
class Claim:
    """What is said of a kernel.

    Args:
        function: what its netlist computes.
        witnesses: names and declarations of further inputs that the specification needs.
        body: Verilog that defines ``ok`` and ``bad`` from the kernel's ports.
    """

    function: Function
    witnesses: dict[str, str]
    body: str

    @property
    def title(self) -> str:
        return self.function.kernel.title


class RefutedError(AssertionError):
    """A claim does not hold; the message has the inputs for which it does not."""


def prove(claims: Sequence[Claim], folder: Path, timeout: int = 300) -> int:
    """Proves the claims in one run of Yosys; returns how many that were.

    Raises:
        RefutedError: with each claim that is wrong and a counterexample.
    """
    modules = {f"kernel_{index}": _module(claim.function) for index, claim in enumerate(claims)}
    (folder / "kernels.json").write_text(json.dumps({"modules": modules}))
    (folder / "claims.v").write_text("".join(_claim(index, claim) for index, claim in enumerate(claims)))
    lines = ["read_json kernels.json", "read_verilog claims.v", "proc", "flatten", "opt_clean"]
    for index in range(len(claims)):
        solve = "sat -set ok 1"
        lines += [f"log CLAIM {index} holds", f"{solve} -prove bad 0 -show-inputs -show-outputs claim_{index}"]
        lines += [f"log CLAIM {index} applies", f"{solve} -show ok claim_{index}"]
    (folder / "claims.ys").write_text("\n".join(lines) + "\n")
    status, text = run_tool([find_tool("yosys"), "-s", "claims.ys"], folder, timeout=timeout)
    assert status == 0, text[-2000:]
    sections = dict(re.findall(r"^CLAIM (\d+ \w+)$(.*?)(?=^CLAIM |\Z)", text, re.MULTILINE | re.DOTALL))
    assert len(sections) == 2 * len(claims)
    wrong = []
    for index, claim in enumerate(claims):
        if "SAT solving finished - model found" not in sections[f"{index} applies"]:
            wrong.append(f"{claim.title}: no input counts")
        found = sections[f"{index} holds"]
        if "no model found: SUCCESS!" not in found:
            wrong.append(f"{claim.title}: {_counterexample(found)}")
    if wrong:
        raise RefutedError("\n".join(wrong))
    return len(claims)


def _counterexample(text: str) -> str:
    if "model found: FAIL!" not in text:
        return f"undecided: {text[-300:]}"
    values = re.findall(r"^ +\\(\w+) +\S+ +\S+ +([01]+) *$", text, re.MULTILINE)
    assert values, text
    return "counterexample " + ", ".join(f"{name}={int(value, 2)}" for name, value in values if name not in ("ok", "bad"))


def _claim(index: int, claim: Claim) -> str:
    inputs, outputs = claim.function.ports()
    ports = [f"input [{len(bits) - 1}:0] {name}" for name, bits in inputs.items()]
    ports += [f"output [{len(bits) - 1}:0] {name}" for name, bits in outputs.items()]
    ports += [f"input {kind} {name}" for name, kind in claim.witnesses.items()]
    wires = ", ".join(f".{name}({name})" for name in [*inputs, *outputs])
    head = ",\n  ".join([*ports, "output ok", "output bad"])
    return f"module claim_{index} (\n  {head}\n);\n  kernel_{index} kernel ({wires});\n{claim.body}\nendmodule\n"


def _module(function: Function) -> dict[str, Any]:
    """The function as a module of gates, as ``read_json`` takes it."""
    inputs, outputs = function.ports()
    wire = {literal: 2 + literal for bits in inputs.values() for literal in bits}
    cells: dict[str, Any] = {}

    def net(literal: int) -> int | str:
        if literal < 2:
            return str(literal)
        if literal & 1 and literal not in wire:
            wire[literal] = 2 + literal
            cells[f"not_{literal}"] = _gate("$_NOT_", A=net(literal ^ 1), Y=2 + literal)
        return 2 + literal

    needed = [literal for bits in outputs.values() for literal in bits]
    for node in function.aig.cone(needed):
        pair = function.aig.operands[node]
        if pair is not None:
            cells[f"and_{node}"] = _gate("$_AND_", A=net(pair[0]), B=net(pair[1]), Y=2 + 2 * node)
    ports = {name: {"direction": "input", "bits": [net(bit) for bit in bits]} for name, bits in inputs.items()}
    ports |= {name: {"direction": "output", "bits": [net(bit) for bit in bits]} for name, bits in outputs.items()}
    return {"ports": ports, "cells": cells}


def _gate(kind: str, **wires: int | str) -> dict[str, Any]:
    return {
        "type": kind,
        "port_directions": {name: "output" if name == "Y" else "input" for name in wires},
        "connections": {name: [wire] for name, wire in wires.items()},
    }

"""A netlist with registers as the function that it computes.

With enable at 1 a pipeline without feedback computes a function of what went in so many cycles before. Here registers
become wires, after three checks which make that the whole truth, for all times and all states to begin with:

- with enable at 0 every register keeps its value;
- wherever two signals meet, both have passed the same number of registers since the input, and outputs as many as planned;
- no register reads itself, but those of sums, which are cut: what they hold is an input, what they will hold an output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tests.proofs.aig import FALSE, Aig, counting, packed, unpacked
from tests.proofs.kernels import Kernel

Codes = npt.NDArray[np.int64]
CHUNK = 1 << 16


@dataclass(frozen=True)
class Multiplication:
    """A multiplier block: literals of its operands, the lowest bit first, and of its product."""

    a: list[int]
    b: list[int]
    product: list[int]


@dataclass
class Function:
    """What a kernel computes: ``inputs`` and ``outputs`` are literals of ``aig`` by port, the lowest bit first."""

    kernel: Kernel
    aig: Aig = field(default_factory=Aig)
    inputs: dict[str, list[int]] = field(default_factory=dict)
    outputs: dict[str, list[int]] = field(default_factory=dict)
    multiplications: list[Multiplication] = field(default_factory=list)

    def ports(self) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        """Inputs and outputs, and among them products and operands of multiplications that are cut."""
        inputs, outputs = dict(self.inputs), dict(self.outputs)
        for index, found in enumerate(self.multiplications):
            inputs[f"product_{index}"] = found.product
            outputs |= {f"a_{index}": found.a, f"b_{index}": found.b}
        return inputs, outputs

    def run(self, values: Mapping[str, Codes]) -> dict[str, Codes]:
        """The outputs, as unsigned numbers, for these inputs."""
        inputs, outputs = self.ports()
        count = len(next(iter(values.values())))
        words = {
            literal: packed((values[name] >> place & 1).astype(np.int64))
            for name, literals in inputs.items()
            for place, literal in enumerate(literals)
        }
        return self._evaluated(outputs, words, -(-count // 64), count)

    def table(self) -> tuple[dict[str, Codes], dict[str, Codes]]:
        """All inputs, and the outputs for each, as unsigned numbers."""
        places = [literal for literals in self.inputs.values() for literal in literals]
        total = 1 << len(places)
        assert not self.multiplications
        chunks = []
        for first in range(0, total, CHUNK):
            count = min(CHUNK, total)
            length = -(-count // 64)
            words = {literal: counting(place, first // 64, length) for place, literal in enumerate(places)}
            chunks.append(self._evaluated(self.outputs, words, length, count))
        numbers, inputs, place = np.arange(total), {}, 0
        for name, literals in self.inputs.items():
            inputs[name] = numbers >> place & ((1 << len(literals)) - 1)
            place += len(literals)
        return inputs, {name: np.concatenate([chunk[name] for chunk in chunks]) for name in self.outputs}

    def _evaluated(
        self, outputs: Mapping[str, Sequence[int]], words: dict[int, Any], length: int, count: int
    ) -> dict[str, Codes]:
        flat = [literal for literals in outputs.values() for literal in literals]
        bits = iter(self.aig.evaluate(flat, words, length))
        found = {}
        for name, literals in outputs.items():
            number = np.zeros(count, dtype=np.int64 if len(literals) < 63 else object)
            for place in range(len(literals)):
                number |= unpacked(next(bits))[:count].astype(number.dtype) << place
            found[name] = number
        return found


class Netlist:
    """The module that ``write_json`` made of a batch of kernels: ANDs, inverters, registers, multipliers."""

    def __init__(self, module: dict[str, Any]) -> None:
        self.ports: dict[str, list[int | str]] = {name: port["bits"] for name, port in module["ports"].items()}
        self.gates: dict[int, tuple[int | str, ...]] = {}
        self.registers: dict[int, int | str] = {}
        self.products: dict[int, tuple[list[int | str], list[int | str], list[int], int]] = {}
        clock = self.ports["clock"]
        for cell in module["cells"].values():
            wires = cell["connections"]
            if cell["type"] in ("$_AND_", "$_NOT_"):
                self.gates[wires["Y"][0]] = tuple(wires[name][0] for name in "AB" if name in wires)
            elif cell["type"] == "$_DFF_P_":
                assert wires["C"] == clock, "a register with another clock"
                self.registers[wires["Q"][0]] = wires["D"][0]
            elif cell["type"] == "$mul":
                self._multiplication(wires, cell["parameters"])
            elif cell["type"] == "MULT18X18D":
                self._multiplier(wires, cell["parameters"])
            else:
                assert cell["type"] == "$scopeinfo", f"no model of {cell['type']}"

    def _multiplication(self, wires: dict[str, Any], settings: dict[str, Any]) -> None:
        assert int(settings["A_SIGNED"], 2) == int(settings["B_SIGNED"], 2) == 1
        for place, net in enumerate(wires["Y"]):
            self.products[net] = (wires["A"], wires["B"], wires["Y"], place)

    def _multiplier(self, wires: dict[str, Any], settings: dict[str, Any]) -> None:
        assert not [name for name, value in settings.items() if name.endswith("_CLK") and value != "NONE"]
        sides = []
        for side in "AB":
            bits = [wires[f"{side}{place}"][0] for place in range(18)]
            sides.append([*bits, bits[-1] if wires[f"SIGNED{side}"] == ["1"] else "0"])
            assert wires[f"SIGNED{side}"] in (["0"], ["1"])
        product = [wires[f"P{place}"][0] if wires.get(f"P{place}") else None for place in range(36)]
        for place, net in enumerate(product):
            if net is not None:
                self.products[net] = (*sides, product, place)


class Staged(NamedTuple):
    """A literal, and how many registers the signal has passed; ``None`` for a constant."""

    literal: int
    stage: int | None


class Logic:
    """The gates between ports, registers and multipliers, where some nets have one value. Literals by net."""

    def __init__(self, netlist: Netlist, constants: Mapping[int | str, int]) -> None:
        self.netlist = netlist
        self.aig = Aig()
        self.leaves: dict[int, int] = {}
        self.literals: dict[int | str, int] = {"0": 0, "1": 1, **constants}

    def literal(self, net: int | str) -> int:
        """What drives a net."""
        known, gates, waiting = self.literals, self.netlist.gates, [net]
        while waiting:
            current = waiting[-1]
            if current not in known:
                assert isinstance(current, int), f"an undefined bit, {current!r}"
                reads = gates.get(current)
                if reads is None:
                    known[current] = self.aig.leaf()
                    self.leaves[known[current] >> 1] = current
                elif missing := [other for other in reads if other not in known]:
                    waiting += missing
                    continue
                elif len(reads) == 1:
                    known[current] = known[reads[0]] ^ 1
                else:
                    known[current] = self.aig.both(known[reads[0]], known[reads[1]])
            waiting.pop()
        return known[net]


class _Straightener:
    """Makes the function of one kernel out of the netlist of a batch."""

    def __init__(self, netlist: Netlist, kernel: Kernel) -> None:
        self.netlist = netlist
        self.kernel = kernel
        self.function = Function(kernel)
        # Nodes of the running logic: literals of the function, and how many registers the signal has passed; none if constant.
        self.known: dict[int, Staged] = {0: Staged(FALSE, None)}
        self.sources: dict[int | str, Staged] = {}
        self.made: dict[int, Multiplication] = {}
        self.inside: set[int] = set()
        fixed = {self._port(port)[0]: value for port, value in kernel.constants.items()}
        self.running = Logic(netlist, fixed)
        self.resting = Logic(netlist, {netlist.ports["enable"][0]: 0}) if "enable" in kernel.constants else None

    def _port(self, name: str) -> list[int | str]:
        return self.netlist.ports[name if name in ("clock", "enable") else f"{self.kernel.entity}_{name}"]

    def straighten(self) -> Function:
        prefix, kernel, function = f"{self.kernel.entity}_", self.kernel, self.function
        for full in self.netlist.ports:
            name = full.removeprefix(prefix)
            if full != name and name not in kernel.latency and name not in kernel.constants and name in kernel.inputs:
                function.inputs[name] = self._leaves(self.netlist.ports[full], kernel.arrival.get(name, 0))
        for name in kernel.states:
            function.inputs[f"{name}_before"] = self._leaves(self._port(name), kernel.latency[name] - 1)
        for name, latency in kernel.latency.items():
            nets, late = self._port(name), latency
            if name in kernel.states:
                for net in nets:
                    self._check_rest(net)
                nets, late = [self.netlist.registers[net] for net in nets], latency - 1
            function.outputs[name] = [self._output(name, net, late) for net in nets]
        function.multiplications = [*{id(made): made for made in self.made.values()}.values()] if kernel.cuts else []
        return function

    def _leaves(self, nets: Sequence[int | str], stage: int) -> list[int]:
        """An input of the function for each of these nets."""
        for net in nets:
            assert net not in self.sources, f"{self.kernel.title}: one net for two bits of inputs"
            self.sources[net] = Staged(self.function.aig.leaf(), stage)
        return [self.sources[net].literal for net in nets]

    def _output(self, name: str, net: int | str, late: int) -> int:
        literal, stage = self._expand(self.running.literal(net))
        assert stage in (None, late), f"{self.kernel.title}: {name} is {stage} registers behind, not {late}"
        return literal

    def _expand(self, literal: int) -> Staged:
        """A literal of the running logic, with registers as wires."""
        for node in self.running.aig.cone([literal], self.known):
            pair = self.running.aig.operands[node]
            if pair is None:
                self.known[node] = self._leaf(self.running.leaves[node])
            else:
                one, other = self._of(pair[0]), self._of(pair[1])
                found = self.function.aig.both(one.literal, other.literal)
                self.known[node] = Staged(found, self._meet([one, other]))
        return self._of(literal)

    def _of(self, literal: int) -> Staged:
        found = self.known[literal >> 1]
        return Staged(found.literal ^ (literal & 1), found.stage)

    def _meet(self, signals: Sequence[Staged]) -> int | None:
        stages = {signal.stage for signal in signals} - {None}
        assert len(stages) <= 1, f"{self.kernel.title}: signals meet that are {sorted(map(str, stages))} registers behind"
        return stages.pop() if stages else None

    def _leaf(self, net: int) -> Staged:
        if net not in self.sources:
            if net in self.netlist.products:
                self._multiply(net)
            else:
                self.sources[net] = self._register(net) if net in self.netlist.registers else self._open(net)
        return self.sources[net]

    def _open(self, net: int) -> Staged:
        """An input of a cell that is connected to nothing, as Yosys leaves those that do not matter: it may have any value."""
        elsewhere = {bit for bits in self.netlist.ports.values() for bit in bits}
        assert net not in elsewhere, f"{self.kernel.title}: it reads net {net}, a port of another kernel"
        literal = self.function.aig.leaf()
        self.function.inputs.setdefault("open", []).append(literal)
        return Staged(literal, None)

    def _register(self, net: int) -> Staged:
        assert net not in self.inside, f"{self.kernel.title}: a register reads itself"
        self._check_rest(net)
        self.inside.add(net)
        before = self._expand(self.running.literal(self.netlist.registers[net]))
        self.inside.remove(net)
        return Staged(before.literal, None if before.stage is None else before.stage + 1)

    def _check_rest(self, net: int | str) -> None:
        if self.resting is not None:
            after = self.resting.literal(self.netlist.registers[net])
            assert after == self.resting.literal(net), f"{self.kernel.title}: a register changes while enable is 0"

    def _multiply(self, net: int) -> None:
        a, b, product, _ = self.netlist.products[net]
        sides = [[self._expand(self.running.literal(bit)) for bit in side] for side in (a, b)]
        stage = self._meet([*sides[0], *sides[1]])
        one, other = ([bit.literal for bit in side] for side in sides)
        if self.kernel.cuts:
            bits = [self.function.aig.leaf() for _ in product]
            self.made[net] = Multiplication(one, other, bits)
        else:
            bits = self.function.aig.multiply(one, other, len(product))
        for place, wire in enumerate(product):
            if wire is not None:
                self.sources[wire] = Staged(bits[place], stage)


def straighten(netlist: Netlist, kernel: Kernel) -> Function:
    """The function of a kernel; fails where its pipeline is not what was planned."""
    return _Straightener(netlist, kernel).straighten()

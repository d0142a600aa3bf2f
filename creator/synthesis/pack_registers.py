"""Moves flip-flops into the registers that ECP5's multipliers and block RAMs have: Yosys 0.70 leaves those empty.

A multiplier without registers takes 3.9 ns, a block RAM without an output register gives its word after 5.6 ns. The pass works
on the netlist that ``write_json`` wrote. It moves nothing unless the circuit behaves the same in every cycle from the first on.

A register can move if it is a ``TRELLIS_FF`` that starts at 0, with no set or reset, on the rising edge, and if everything
that moves into one block has the same clock and the same enable. More than one enable in a multiplier is not worth its price:
the four multipliers of a DSP block share four enables, so with one each they always fit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

Bit = int | str
Cell = dict[str, Any]
Domain = tuple[int, Bit]
"""Clock and enable; the enable is ``"1"`` where there is none."""

FF = "TRELLIS_FF"
MULTIPLIER = "MULT18X18D"
MEMORY = "DP16KD"

PLAIN = {"CLKMUX": "CLK", "LSRMUX": "LSR", "REGSET": "RESET", "GSR": "DISABLED"}
"""Parameters of a flip-flop that may move; beside them are ``CEMUX``, and ``SRMODE``, which says nothing without a reset."""

NARROW = {f"{width:032b}" for width in (1, 2, 4, 9, 18)}
"""Widths at which the two sides of a memory are apart, as parameters."""

WIDE = f"{36:032b}"
"""The width at which both sides' outputs are one word."""

OPERAND_BITS, PRODUCT_BITS, WORD_BITS = 18, 36, 18


@dataclass(frozen=True)
class _Register:
    """A flip-flop that may move."""

    name: str
    data: int
    output: int
    domain: Domain


def pack_registers(netlist: dict[str, Any], top: str) -> dict[str, int]:
    """Changes the module ``top`` of a netlist, as ``write_json`` gives it, in place.

    Returns:
        How many blocks took in registers, by place: ``memory outputs``, ``products``, ``operands``; and how many flip-flops
        are gone: ``flip-flops``. A flip-flop whose value is read elsewhere too stays; the multiplier has a copy of it.
    """
    return _Packer(netlist["modules"][top]).run()


class _Packer:
    def __init__(self, module: dict[str, Any]) -> None:
        self.cells: dict[str, Cell] = module["cells"]
        self.drivers: dict[int, tuple[str, str]] = {}
        self.readers: dict[int, list[tuple[str, str]]] = {}
        self.done: Counter[str] = Counter()
        for name, port in module["ports"].items():
            # An inout port is a driver and a reader. An empty cell name stands for the world outside.
            self._index(port["bits"], "", name, {"input": "output", "output": "input"}.get(port["direction"], "inout"))
        for name, cell in self.cells.items():
            for port, bits in cell["connections"].items():
                self._index(bits, name, port, cell["port_directions"].get(port, "inout"))

    def _index(self, bits: list[Bit], cell: str, port: str, direction: str) -> None:
        for bit in bits:
            if isinstance(bit, int):
                if direction != "output":
                    self.readers.setdefault(bit, []).append((cell, port))
                if direction != "input":
                    # Two drivers make the net one that no register drives alone.
                    self.drivers[bit] = ("", "") if bit in self.drivers else (cell, port)

    def run(self) -> dict[str, int]:
        for kind, pack in ((MEMORY, self._memory), (MULTIPLIER, self._multiplier)):
            for name in sorted(name for name, cell in self.cells.items() if cell["type"] == kind):
                pack(name, self.cells[name])
        return {label: self.done[label] for label in ("memory outputs", "products", "operands", "flip-flops")}

    def _register(self, name: str) -> _Register | None:
        """The flip-flop of that name, if it may move."""
        cell = self.cells.get(name)
        if cell is None or cell["type"] != FF or _kept(cell):
            return None
        settings = cell["parameters"]
        ports = {port: _bit(cell, port) for port in ("CLK", "CE", "DI", "LSR", "Q")}
        enable = "1" if settings.get("CEMUX") == "1" else ports["CE"]
        plain = (
            set(cell["connections"]) <= set(ports)
            and set(settings) <= {*PLAIN, "CEMUX", "SRMODE"}
            and all(settings.get(name) == value for name, value in PLAIN.items())
            and settings.get("CEMUX") in ("CE", "1")
            and ports["LSR"] == "0"
        )
        clock, data, output = ports["CLK"], ports["DI"], ports["Q"]
        if not (plain and isinstance(clock, int) and isinstance(data, int) and isinstance(output, int)):
            return None
        if self.drivers.get(output) != (name, "Q") or not (isinstance(enable, int) or enable == "1"):
            return None
        return _Register(name, data, output, (clock, enable))

    def _behind(self, cell: Cell, ports: list[str]) -> dict[str, _Register] | None:
        """The registers that take these outputs, by port.

        ``None`` unless each output that is read at all is read by one register and nothing else, all of one clock and enable.
        """
        found: dict[str, _Register] = {}
        for port in ports:
            bit = _bit(cell, port)
            readers = self.readers.get(bit, []) if isinstance(bit, int) else []
            if not readers:
                continue
            register = self._register(readers[0][0]) if len(readers) == 1 and readers[0][1] == "DI" else None
            if register is None:
                return None
            found[port] = register
        return found if found and len({register.domain for register in found.values()}) == 1 else None

    def _take_outputs(self, cell: Cell, registers: dict[str, _Register]) -> None:
        for port, register in registers.items():
            self._connect(cell, port, register.output)
            self._remove(register)

    def _connect(self, cell: Cell, port: str, bit: Bit, direction: str = "output") -> None:
        cell["connections"][port] = [bit]
        cell["port_directions"][port] = direction

    def _remove(self, register: _Register) -> None:
        del self.cells[register.name]
        for bit in (register.data, *register.domain):
            if isinstance(bit, int):
                self.readers[bit] = [reader for reader in self.readers[bit] if reader[0] != register.name]
        self.done["flip-flops"] += 1

    def _memory(self, _: str, cell: Cell) -> None:
        if _kept(cell) or cell["parameters"].get("GSR") != "DISABLED":
            return
        widths = {cell["parameters"].get(f"DATA_WIDTH_{side}") for side in "AB"}
        if widths == {WIDE}:
            self._wide_memory(cell)
        if not widths <= NARROW:
            return
        for side in "AB":
            registers = self._behind(cell, [f"DO{side}{place}" for place in range(WORD_BITS)])
            # The word of the memory and its register move together: with one enable no question arises whether the output
            # register obeys the memory's enable too.
            if registers is not None and self._memory_domain(cell, side) == next(iter(registers.values())).domain:
                self._take_outputs(cell, registers)
                cell["parameters"][f"REGMODE_{side}"] = "OUTREG"
                self._connect(cell, f"OCE{side}", next(iter(registers.values())).domain[1], "input")
                self.done["memory outputs"] += 1

    def _wide_memory(self, cell: Cell) -> None:
        """A memory with words of 36 bits: side A writes, if anything does, side B reads, and both sides' outputs are its word.

        The vendor's tools switch both sides' registers on for such a memory (mode PDPW16KD), which then obey B's clock. Side
        A has the same clock, or gets it, by which the router times its outputs, and the same enable for its register.
        """
        clock = _bit(cell, "CLKA")
        if cell["parameters"].get("REGMODE_A") != "NOREG" or (_bit(cell, "CEA") == "0") != (clock == "0"):
            return
        registers = self._behind(cell, [f"DO{side}{place}" for side in "AB" for place in range(WORD_BITS)])
        domain = self._memory_domain(cell, "B")
        if domain is None or clock not in ("0", domain[0]) or cell["parameters"].get("CLKAMUX") != "CLKA":
            return
        self._connect(cell, "CLKA", domain[0], "input")
        if registers is not None and domain == next(iter(registers.values())).domain:
            self._take_outputs(cell, registers)
            for side in "AB":
                cell["parameters"][f"REGMODE_{side}"] = "OUTREG"
                self._connect(cell, f"OCE{side}", domain[1], "input")
            self.done["memory outputs"] += 1

    def _memory_domain(self, cell: Cell, side: str) -> Domain | None:
        clock, enable = _bit(cell, f"CLK{side}"), _bit(cell, f"CE{side}")
        plain = (
            cell["parameters"].get(f"CLK{side}MUX") == f"CLK{side}"
            and cell["parameters"].get(f"CE{side}MUX", f"CE{side}") == f"CE{side}"
            and cell["parameters"].get(f"OCE{side}MUX", f"OCE{side}") == f"OCE{side}"
            and cell["parameters"].get(f"REGMODE_{side}") == "NOREG"
            and _bit(cell, f"OCE{side}") == "1"
            and _bit(cell, f"RST{side}") == "0"
        )
        return (clock, enable) if plain and isinstance(clock, int) and enable is not None else None

    def _multiplier(self, name: str, cell: Cell) -> None:
        ports = [f"{kind}{place}" for kind in ("CLK", "CE", "RST") for place in range(4)]
        shifted = [_bit(cell, f"SOURCE{side}") for side in "AB"]
        signs = [_bit(cell, f"SIGNED{side}") for side in "AB"]
        if cell["parameters"] or _kept(cell) or any(cell["connections"].get(port) for port in ports):
            return
        if shifted != ["0", "0"] or not set(signs) <= {"0", "1"}:
            return
        used = {port for port, bits in cell["connections"].items() if any(isinstance(bit, int) for bit in bits)}
        if any(port.startswith(("SR", "RO")) for port in used):
            return  # a cascade
        registers = self._behind(cell, [f"P{place}" for place in range(PRODUCT_BITS)])
        domain = next(iter(registers.values())).domain if registers else None
        if registers and domain:
            self._take_outputs(cell, registers)
            _clocked(self, cell, ("OUTPUT",), domain)
            self.done["products"] += 1
        operands = self._operands(cell)
        if operands and domain in (None, next(iter(operands.values())).domain):
            _clocked(self, cell, ("INPUTA", "INPUTB"), next(iter(operands.values())).domain)
            for port, register in operands.items():
                self.readers[register.output] = [r for r in self.readers[register.output] if r[0] != name]
                self._connect(cell, port, register.data, "input")
            for register in {register.name: register for register in operands.values()}.values():
                # The net's readers have to know of the multiplier before the flip-flop goes.
                self.readers[register.data].append((name, "A"))
                if not self.readers[register.output]:
                    self._remove(register)
            self.done["operands"] += 1

    def _operands(self, cell: Cell) -> dict[str, _Register] | None:
        """The registers before both operands, by port.

        ``None`` unless each bit is a constant or comes from a register, all of one clock and enable. Constants are registered
        too then: before the first enabled edge they are 0. Nothing tells that from a 1 as long as the other operand is 0, which
        it is if it has no constant 1.
        """
        found: dict[str, _Register] = {}
        ones = set()
        for side in "AB":
            for place in range(OPERAND_BITS):
                port = f"{side}{place}"
                bit = _bit(cell, port)
                if bit == "1":
                    ones.add(side)
                elif isinstance(bit, int):
                    driver = self.drivers.get(bit, ("", ""))
                    register = self._register(driver[0]) if driver[1] == "Q" else None
                    if register is None:
                        return None
                    found[port] = register
                elif bit != "0":
                    return None
        return found if found and len(ones) < 2 and len({register.domain for register in found.values()}) == 1 else None


def _clocked(packer: _Packer, cell: Cell, registers: tuple[str, ...], domain: Domain) -> None:
    """Switches on registers of a multiplier."""
    for register in registers:
        cell["parameters"] |= {f"REG_{register}_CLK": "CLK0", f"REG_{register}_CE": "CE0", f"REG_{register}_RST": "RST0"}
    cell["parameters"] |= {"RESETMODE": "SYNC", "GSR": "DISABLED"}
    # An open reset is active on the device.
    for port, bit in (("CLK0", domain[0]), ("CE0", domain[1]), ("RST0", "0")):
        packer._connect(cell, port, bit, "input")


def _bit(cell: Cell, port: str) -> Bit | None:
    """The bit of a port that has one bit; ``None`` where it is open or wider."""
    bits: list[Bit] = cell["connections"].get(port, [])
    return bits[0] if len(bits) == 1 else None


def _kept(cell: Cell) -> bool:
    return "keep" in cell.get("attributes", {})

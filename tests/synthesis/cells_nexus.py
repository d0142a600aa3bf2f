"""Cells of Nexus, after Yosys's own simulation models; the block RAM after Lattice's usage guide for memories."""

from __future__ import annotations

from tests.synthesis.cells_shared import Memory, carry_chain, multiplier, read_port, small_memory, table, units, write_port
from tests.synthesis.netlist_simulator import Cell, Expression, Model, Netlist, number


def _buffer(source: str, target: str, *, inverted: bool = False) -> Model:
    def model(net: Netlist, cell: Cell) -> None:
        net.assign(cell.net(target), f"1 - {cell.net(source)}" if inverted else cell.net(source))

    return model


def _lut4(net: Netlist, cell: Cell) -> None:
    net.assign(cell.net("Z"), table(cell.number("INIT"), [cell.net(port) for port in "ABCD"]))


def _widefn9(net: Netlist, cell: Cell) -> None:
    low, high = (table(cell.number(f"INIT{half}"), [cell.net(f"{port}{half}") for port in "ABCD"]) for half in "01")
    net.assign(cell.net("Z"), f"({high}) if {cell.net('SEL')} else ({low})")


def _ccu2(net: Netlist, cell: Cell) -> None:
    cell.require(INJECT="NO")
    carry_chain(net, cell, 3)


def _flip_flop(reset: str, value: int) -> Model:
    def model(net: Netlist, cell: Cell) -> None:
        net.flip_flop(cell.net("Q"), cell.net("D"), cell.net("SP"), cell.net(reset), value=value, start=value)

    return model


def _dpr16x4(net: Netlist, cell: Cell) -> None:
    init = cell.number("INITVAL")
    small_memory(net, cell, cell.net("WRE"), [init >> 4 * index & 15 for index in range(16)])


def _mult(net: Netlist, cell: Cell) -> None:
    enables: list[Expression | None] = []
    for part in ("INPUTA", "INPUTB", "OUTPUT"):
        how, end = cell.text(f"REG{part}", "REGISTER"), part.replace("INPUT", "").replace("OUTPUT", "OUT")
        assert how in ("REGISTER", "BYPASS")
        if how == "REGISTER":
            cell.tied("0", f"RST{end}")
        enables.append(cell.net(f"CE{end}") if how == "REGISTER" else None)
    sides = [(cell.nets(side), cell.net(f"SIGNED{side}"), held) for side, held in zip("AB", enables, strict=False)]
    multiplier(net, sides, cell.nets("Z"), enables[2])


def _pdpsc16k(net: Netlist, cell: Cell) -> None:
    cell.require(OUTREG="BYPASSED", ECC="DISABLED", CSDECODE_R="111", CSDECODE_W="111")
    cell.tied("0", "RST")
    cell.tied("1", "CSR", "CSW")
    # Nine bits and one that nothing reads, 32 times in a parameter.
    memory = net.share(Memory(units(cell, [f"INITVAL_{part:02X}" for part in range(64)], 10)))
    ports = {side: (number(cell.nets(f"AD{side}")), int(cell.text(f"DATA_WIDTH_{side}")[1:])) for side in "RW"}
    writes, width = cell.net("CEW"), ports["W"][1]
    lanes = number(cell.nets("ADW")[: width // 9]) if width > 9 else "1"
    word = read_port(net, memory, ports["R"], cell.net("CER"), [(f"{writes} and {lanes}", ports["W"])])
    net.spread(cell.nets("DO")[: ports["R"][1]], word)
    write_port(net, memory, ports["W"], writes, cell.nets("DI")[:width], lanes)


MODELS: dict[str, Model] = {
    "IB": _buffer("I", "O"),
    "OB": _buffer("I", "O"),
    "INV": _buffer("A", "Z", inverted=True),
    "LUT4": _lut4,
    "WIDEFN9": _widefn9,
    "CCU2": _ccu2,
    "FD1P3IX": _flip_flop("CD", 0),
    "FD1P3JX": _flip_flop("PD", 1),
    "DPR16X4": _dpr16x4,
    "MULT9X9": _mult,
    "MULT18X18": _mult,
    "MULT18X36": _mult,
    "MULT36X36": _mult,
    "PDPSC16K": _pdpsc16k,
}

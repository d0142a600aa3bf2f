"""Cells of iCE40, after Lattice's technology library and Yosys's own simulation models."""

from __future__ import annotations

from tests.synthesis.cells_shared import table
from tests.synthesis.netlist_simulator import Cell, Expression, Model, Netlist, number, signed


def _lut4(net: Netlist, cell: Cell) -> None:
    net.assign(cell.net("O"), table(cell.number("LUT_INIT"), cell.bus("I", 4)))


def _carry(net: Netlist, cell: Cell) -> None:
    one, two, carry = (cell.net(port) for port in ("I0", "I1", "CI"))
    net.assign(cell.net("CO"), f"{one} & {two} | ({one} | {two}) & {carry}")


def _flip_flop(kind: str) -> Model:
    """The letters of the name: E has an enable, SR a reset to 0, SS a reset to 1; the reset needs the enable."""
    value = int(kind.endswith("SS"))

    def model(net: Netlist, cell: Cell) -> None:
        reset = cell.net("S" if value else "R")
        net.flip_flop(cell.net("Q"), cell.net("D"), cell.net("E", "1"), reset, value=value, gated=True)

    return model


class Memory:
    """256 words of 16 bits. In mode m such a word is 2**m narrower ones, bit by bit in turn; the upper address bits choose."""

    def __init__(self, words: list[int]) -> None:
        self.words = words

    def read(self, address: int, mode: int, disturbed: bool) -> int:
        """The bits as RDATA shows them; inverted if the word is being written, of which nothing is promised."""
        word = self.words[address & 255] ^ (0xFFFF if disturbed else 0)
        step, shown = 1 << mode, 0
        for place in range(0, 16, step):
            shown |= (word >> place + (address >> 8) % step & 1) << place + self.offset(mode)
        return shown

    @staticmethod
    def offset(mode: int) -> int:
        """Where in its part of WDATA and RDATA the bit of a narrow word stands."""
        return (0, 0, 1, 3)[mode]

    def write(self, address: int, mode: int, data: int, mask: int) -> None:
        """Stores the bits of WDATA; in mode 0 those whose bit of the mask is 0."""
        step, word = 1 << mode, self.words[address & 255]
        for place in range(0, 16, step):
            target = place + (address >> 8) % step
            if mode or not mask >> place & 1:
                bit = data >> place + self.offset(mode) & 1
                word = word & ~(1 << target) | bit << target
        self.words[address & 255] = word


def _ram(net: Netlist, cell: Cell) -> None:
    cell.require(INIT_FILE="")
    words = [cell.number(f"INIT_{part:X}") >> 16 * index & 0xFFFF for part in range(16) for index in range(16)]
    memory, stored = net.share(Memory(words)), net.fresh()
    address, target = number(cell.nets("RADDR")), number(cell.nets("WADDR"))
    writes = f"({cell.net('WE')} & {cell.net('WCLKE', '1')})"
    # Of one width on both sides, a word is what its whole address names; else what it shares with another.
    read, write = cell.number("READ_MODE"), cell.number("WRITE_MODE")
    whole = (256 << read) - 1 if read == write else 255
    clash = f"bool({writes}) and {address} & {whole} == {target} & {whole}"
    word = net.register(
        f"{memory}.read({address}, {cell.number('READ_MODE')}, {clash})", f"({cell.net('RE')} & {cell.net('RCLKE', '1')})"
    )
    net.spread(cell.nets("RDATA"), word)
    values = f"{target}, {cell.number('WRITE_MODE')}, {number(cell.nets('WDATA'))}, {number(cell.nets('MASK'))}"
    net.edge(f"{stored} = ({values}) if {writes} else None", f"if {stored} is not None: {memory}.write(*{stored})")


def _mac(net: Netlist, cell: Cell) -> None:
    """One product of 16 x 16 bits and an adder of two halves, with registers before and behind."""
    cell.require(NEG_TRIGGER=0, MODE_8x8=0, TOP_8x8_MULT_REG=0, BOT_8x8_MULT_REG=0)
    cell.require(PIPELINE_16x16_MULT_REG1=0, PIPELINE_16x16_MULT_REG2=0, BOTADDSUB_CARRYSELECT=0)
    cell.tied("0", "IRSTTOP", "IRSTBOT", "ORSTTOP", "ORSTBOT", "ADDSUBTOP", "ADDSUBBOT")
    always = cell.net("CE", "1")
    held = {}
    for side in "ABCD":
        bits = cell.nets(side) or ["0"]
        value = signed(bits, str(cell.number(f"{side}_SIGNED"))) if side in "AB" else number(bits)
        registered = cell.number(f"{side}_REG")
        held[side] = net.register(value, f"{always} and not {cell.net(f'{side}HOLD')}") if registered else value
    product = f"({held['A']} * {held['B']})"
    # Each half adds a part of the product, or an operand, to C or D, or to its own register.
    bottom, carry = _half(net, cell, held, ("BOT", "B", "D"), f"{product} & 65535", "0")
    carried = {0: "0", 1: "1", 2: carry, 3: carry}[cell.number("TOPADDSUB_CARRYSELECT")]
    top, _ = _half(net, cell, held, ("TOP", "A", "C"), f"{product} >> 16 & 65535", carried)
    net.spread(cell.nets("O"), f"{bottom} | {top} << 16")


def _half(
    net: Netlist, cell: Cell, held: dict[str, Expression], names: tuple[str, str, str], product: Expression, carry: Expression
) -> tuple[Expression, Expression]:
    """What one half of the output shows, and the carry of its adder."""
    half, operand, addend = names
    lower = {0: f"{held[operand]} & 65535", 2: product}[cell.number(f"{half}ADDSUB_LOWERINPUT")]
    name = net.fresh()
    upper = held[addend] if cell.number(f"{half}ADDSUB_UPPERINPUT") else name
    added = f"(({lower}) + {upper} + {carry})"
    result = f"({held[addend]} if {cell.net(f'OLOAD{half}')} else {added} & 65535)"
    shown = cell.number(f"{half}OUTPUT_SELECT")
    if shown == 1:
        net.register(result, f"{cell.net('CE', '1')} and not {cell.net(f'OHOLD{half}')}", name)
    else:
        assert upper != name
    return {0: result, 1: name, 3: f"({product})"}[shown], f"({added} >> 16)"


_KINDS = ("SB_DFF", "SB_DFFE", "SB_DFFSR", "SB_DFFSS", "SB_DFFESR", "SB_DFFESS")

MODELS: dict[str, Model] = {"SB_LUT4": _lut4, "SB_CARRY": _carry, "SB_RAM40_4K": _ram, "SB_MAC16": _mac}
MODELS |= {kind: _flip_flop(kind) for kind in _KINDS}

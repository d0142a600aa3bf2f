"""Parts that cells of several families have: tables, multipliers, and block RAMs of 9-bit units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.synthesis.netlist_simulator import Cell, Expression, Netlist, number, signed


def table(bits: int, nets: Sequence[Expression]) -> Expression:
    """A look-up table; the first net is the lowest bit of the address."""
    return f"{bits} >> {number(nets)} & 1"


def choice(select: Expression, one: Expression, zero: Expression) -> Expression:
    """A multiplexer."""
    return f"{one} if {select} else {zero}"


def carry_chain(net: Netlist, cell: Cell, inputs: int) -> None:
    """Lattice's two places of a sum. Where a place's table is 0, its lowest entries, by so many inputs, give the carry."""
    carry = cell.net("CIN")
    for half in "01":
        nets = [cell.net(f"{port}{half}") for port in "ABCD"]
        init = cell.number(f"INIT{half}")
        net.assign(cell.net(f"S{half}"), f"{table(init, nets)} ^ {carry}")
        following = net.node() if half == "0" else cell.net("COUT")
        lowest = table(init & (1 << (1 << inputs)) - 1, nets[:inputs])
        net.assign(following, f"{carry} if {table(init, nets)} else {lowest}")
        carry = following


def multiplier(
    net: Netlist,
    sides: Iterable[tuple[list[Expression], Expression, Expression | None]],
    outputs: list[str],
    enable: Expression | None,
) -> None:
    """A product of two operands.

    Args:
        net: where it goes.
        sides: of each operand its bits, whether it is signed, and the enable of its register or ``None``.
        outputs: nets of the product.
        enable: of the register behind the product, or ``None``.
    """
    first, second = (
        signed(nets, sign) if held is None else net.register(signed(nets, sign), held) for nets, sign, held in sides
    )
    product = f"{first} * {second} & {(1 << len(outputs)) - 1}"
    net.spread(outputs, product if enable is None else net.register(product, enable))


class Memory:
    """A block RAM: units of 9 bits, or of 8, in whose middle nothing lies; words of a part of one unit or of several.

    A word that one side reads while the other writes it comes out inverted: the vendors promise nothing of it.
    """

    def __init__(self, units: list[int], unit_bits: int = 9) -> None:
        self.units = units
        self.bits = unit_bits
        self.written: set[int] = set()

    def read(self, address: int, width: int) -> int:
        """The word of ``width`` bits at an address that counts bits, eight of them for each unit."""
        if width < 8:
            return self.units[address >> 3] >> (address & 7 & -width) & (1 << width) - 1
        count = width // self.bits
        first = (address >> 3) & -count
        return sum(self.units[first + index] << self.bits * index for index in range(count))

    def write(self, address: int, width: int, word: int, lanes: int) -> None:
        """Stores a word; ``lanes`` has a bit for each unit of it."""
        if width < 8:
            place, mask = address & 7 & -width, (1 << width) - 1
            self.units[address >> 3] = self.units[address >> 3] & ~(mask << place) | (word & mask) << place
            return
        count = width // self.bits
        first = (address >> 3) & -count
        for index in range(count):
            if lanes >> index & 1:
                self.units[first + index] = word >> self.bits * index & (1 << self.bits) - 1

    def disturbed(self, address: int, width: int, target: int, target_width: int) -> int:
        """The word that is read while another is written at ``target``."""
        count, other = max(1, width // self.bits), max(1, target_width // self.bits)
        first, second = (address >> 3) & -count, (target >> 3) & -other
        word = self.read(address, width)
        return word ^ (1 << width) - 1 if first < second + other and second < first + count else word


def units(cell: Cell, names: list[str], stride: int, bits: int = 9) -> list[int]:
    """The initial contents, from parameters that hold 32 units of ``bits`` bits, ``stride`` bits apart."""
    words = [cell.number(name) for name in names]
    return [word >> stride * index & (1 << bits) - 1 for word in words for index in range(32)]


def read_port(
    net: Netlist,
    memory: str,
    port: tuple[Expression, int],
    enable: Expression,
    others: Iterable[tuple[Expression, tuple[Expression, int]]] = (),
) -> Expression:
    """The register with the word that was read last.

    Args:
        net: where it goes.
        memory: the name of the shared ``Memory``.
        port: address and width.
        enable: of the reading.
        others: when other ports write something, and these.
    """
    address, width = port
    word = f"{memory}.read({address}, {width})"
    for busy, (target, target_width) in others:
        word = f"{memory}.disturbed({address}, {width}, {target}, {target_width}) if {busy} else {word}"
    return net.register(word, enable)


def write_port(
    net: Netlist, memory: str, port: tuple[Expression, int], when: Expression, data: list[Expression], lanes: Expression = "1"
) -> None:
    """Stores a word at each clock edge at which ``when`` holds."""
    address, width = port
    stored = net.fresh()
    net.edge(
        f"{stored} = ({address}, {width}, {number(data)}, {lanes}) if {when} else None",
        f"if {stored} is not None: {memory}.write(*{stored})",
    )


def small_memory(net: Netlist, cell: Cell, write: Expression, words: list[int]) -> None:
    """A distributed RAM of 16 words of 4 bits, with ports DI, WAD, RAD and DO: written at an edge, read at once."""
    memory, stored = net.share(words), net.fresh()
    net.spread(cell.nets("DO"), f"{memory}[{number(cell.nets('RAD'))}]")
    net.edge(
        f"{stored} = ({number(cell.nets('WAD'))}, {number(cell.nets('DI'))}) if {write} else None",
        f"if {stored} is not None: {memory}[{stored}[0]] = {stored}[1]",
    )

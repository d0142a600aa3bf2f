"""What a template may print: these types, integers and formats, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from creator.affine import Affine
from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding

COMMENT_CHARACTERS = 60
WORD_COLUMNS = 96


@dataclass(frozen=True)
class Identifier:
    """A legal basic VHDL identifier that is no reserved word."""

    text: str

    def __post_init__(self) -> None:
        from creator.render.names import is_legal

        if not is_legal(self.text):
            raise CreatorError(f"{self.text!r} is not a VHDL identifier")

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Bits:
    """A two's complement or unsigned constant, printed as a string literal of its bits."""

    value: int
    width: int

    def __post_init__(self) -> None:
        if self.width < 1 or not -(1 << (self.width - 1)) <= self.value < 1 << self.width:
            raise CreatorError(f"{self.value} does not fit {self.width} bits")

    def __str__(self) -> str:
        return f'"{self.value & ((1 << self.width) - 1):0{self.width}b}"'


@dataclass(frozen=True)
class Bit:
    """One bit, printed as a character literal."""

    value: bool

    def __str__(self) -> str:
        return f"'{int(self.value)}'"


@dataclass(frozen=True)
class AllOf:
    """Signals of one bit, printed as their conjunction; ``'1'`` if there are none."""

    names: tuple[Identifier, ...]

    def __str__(self) -> str:
        return " and ".join(map(str, self.names)) or "'1'"


@dataclass(frozen=True)
class Words:
    """Part of an array aggregate: words of bits, separated by commas. ``named`` writes ``0 =>`` in front of the only one."""

    words: tuple[str, ...]
    named: bool
    end: bool

    def __post_init__(self) -> None:
        if not all(self.words) or set("".join(self.words)) - {"0", "1"}:
            raise CreatorError(f"{self.words!r:.60} are not words of bits")

    def __str__(self) -> str:
        text = ("0 => " if self.named else "") + ", ".join(map(_literal, self.words))
        return text if self.end else text + ","


def _literal(word: str) -> str:
    """A word as a string literal; a long one in pieces, a line each."""
    pieces = [word[i : i + WORD_COLUMNS] for i in range(0, len(word), WORD_COLUMNS)]
    text = " &\n    ".join([f'"{piece}"' for piece in pieces])
    # In an aggregate of words "&" could as well join words.
    return text if len(pieces) == 1 else f"std_logic_vector'({text})"


@dataclass(frozen=True)
class Vector:
    """The number ``name`` of ``bits`` bits times 2**``shift``, modulo 2**``width``, printed as a vector of that width."""

    name: Identifier
    bits: int
    signed: bool
    shift: int
    width: int

    def __str__(self) -> str:
        kept = self.width - self.shift
        if kept > self.bits:
            kind = "signed" if self.signed else "unsigned"
            text = f"std_logic_vector(resize({kind}({self.name}), {kept}))"
        else:
            text = f"{self.name}({kept - 1} downto 0)"
        return text if not self.shift else f"{text} & {Bits(0, self.shift)}"


@dataclass(frozen=True)
class Comment:
    """Text from outside for a comment: part of one line, in printable ASCII, whatever it was."""

    text: str

    def __str__(self) -> str:
        line = re.sub(r"[^ -~]", "?", self.text)
        return line if len(line) <= COMMENT_CHARACTERS else f"{line[: COMMENT_CHARACTERS - 3]}..."


Printable = Identifier | Bits | Bit | AllOf | Words | Vector | Comment | FixedPoint | Affine | Rounding | Overflow | int


def printable(value: object) -> object:
    """``value`` if a template may print it; the templates' environment calls this for everything that they print."""
    if isinstance(value, bool) or not isinstance(value, Printable):
        raise CreatorError(f"a template tried to print {type(value).__name__} {value!r}")
    return value


def signed_literal(value: int, width: int) -> Bits:
    """A constant for comparison with a signed number of that width."""
    if not -(1 << (width - 1)) <= value < 1 << (width - 1):
        raise CreatorError(f"{value} does not fit {width} signed bits")
    return Bits(value, width)


def table_rows(words: Sequence[str], columns: int) -> list[Words]:
    """The words of a memory, address 0 first, in lines of an aggregate, address 0 last."""
    words = words[::-1]
    starts = range(0, len(words), columns)
    return [Words(tuple(words[i : i + columns]), len(words) == 1, i + columns >= len(words)) for i in starts]

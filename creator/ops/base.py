"""What an operation is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from creator.affine import Affine, Format
from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray, Overflow, Rounding, check_rounding, check_wrap

if TYPE_CHECKING:
    from creator.ops.axis import Axis

MAX_BITS = 52
"""Of every value and every sum. PyTorch evaluates in float64, which holds these, and every rounding of them, exactly."""

MAX_ELEMENTS = 1 << 24
"""Of one sample; more is a mistake, or a network that no device holds."""


@dataclass(frozen=True)
class TensorType:
    """The type of a value: its shape without the batch, row-major, and the format of every element.

    Raises:
        CreatorError: for a size that is not positive, for a format wider than 52 bits, and for one with several scales.
    """

    shape: tuple[int, ...]
    format: Format

    def __post_init__(self) -> None:
        if not self.shape or not all(
            isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n >= 1 for n in self.shape
        ):
            raise CreatorError(f"shape {self.shape} is not one or more positive integers")
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        if self.size > MAX_ELEMENTS:
            raise CreatorError(f"shape {self.shape} has more than {MAX_ELEMENTS} elements", hint="give one sample's shape")
        if isinstance(self.format, Affine) and self.format.axis is not None:
            raise CreatorError(
                f"{self.format} has a scale for each index along an axis", hint="give the values of a network one scale for all"
            )
        if self.format.total_bits > MAX_BITS:
            raise CreatorError(
                f"{self.format} has more than {MAX_BITS} bits, the most that PyTorch can evaluate exactly",
                hint="use a narrower format",
            )

    @property
    def size(self) -> int:
        """Elements in one sample."""
        return math.prod(self.shape)

    def __str__(self) -> str:
        return f"{self.format}[{','.join(map(str, self.shape))}]"


class Interval(NamedTuple):
    """The codes that a value can take: every one lies in low ... high."""

    low: int
    high: int

    @classmethod
    def of(cls, fmt: Format) -> Interval:
        return cls(fmt.min_code, fmt.max_code)


class Lanes(NamedTuple):
    """Elements that a core takes and gives in one cycle.

    ``packed``: products of one activation with the weights of two outputs share a multiplier. ``pipelined``: with the registers
    of a wide core, however few its products are.
    """

    input: int = 1
    output: int = 1
    packed: bool = False
    pipelined: bool = False

    def __str__(self) -> str:
        return f"{self.input}x{self.output}{' packed' if self.packed else ''}{' pipelined' if self.pipelined else ''}"


def beats(size: int, lanes: int) -> int:
    """Cycles in which ``size`` elements pass, ``lanes`` at a time; the last may carry fewer."""
    return -(-size // lanes)


def fewest_lanes(size: int) -> list[int]:
    """For each number of beats in which ``size`` elements can pass, the fewest lanes that make it; ascending."""
    found, count = set(), 1
    while count <= size:
        lanes = beats(size, count)
        found.add(lanes)
        # The next number of beats that fewer lanes can make.
        count = max(count + 1, beats(size, lanes - 1)) if lanes > 1 else size + 1
    return sorted(found)


def divisors(number: int) -> list[int]:
    """All that divide ``number``, ascending."""
    low = [n for n in range(1, math.isqrt(number) + 1) if number % n == 0]
    return sorted({*low, *(number // n for n in low)})


def row_choices(x: TensorType) -> Sequence[int]:
    """How many elements a core that treats rows can take in a cycle, ascending: part of one row, or whole rows.

    A row is what lies along the last axis. A value of a single row passes in any beats, the last of which may carry fewer.
    """
    row = x.shape[-1]
    return range(1, row + 1) if x.size == row else [*divisors(row), *range(2 * row, x.size + 1, row)]


_DEEP, _DEEP_STAGES = 1024, 2


def is_deep(words: int) -> bool:
    """Whether a constant memory of so many words is several block RAMs behind one another, or may be."""
    return words > _DEEP


def deep_stages(words: int) -> int:
    """Registers that a constant memory of so many words has more than a small one.

    A deep one has one for the way from its block RAMs, which are far apart, and one after the choice among their words.
    """
    return _DEEP_STAGES if is_deep(words) else 0


class Timing(NamedTuple):
    """What a core needs, in clock cycles, when nothing stalls it.

    ``interval``: from one frame to the next. ``delay``: from the cycle that takes a frame's last element to the cycle that
    offers its last result.
    """

    interval: int
    delay: int


class Op(ABC):
    """An operation with its attributes: a frozen dataclass whose fields are what the text form can hold.

    Field types: ``FixedPoint``, ``Format``, ``Rounding``, ``Overflow``, ``int``, a tuple of ``int``, and int64 arrays
    (read-only). ``arity`` is the number of values that it reads.
    """

    name: ClassVar[str]
    arity: ClassVar[int] = 1

    @abstractmethod
    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        """The type of the result; refuses inputs or attributes that do not fit each other."""

    @abstractmethod
    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        """Bounds of the result's codes for inputs within ``intervals``; refuses what could overflow on the way."""

    @abstractmethod
    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        """The result for int64 ``values`` of shape (batch, *shape): the meaning of the operation."""

    @abstractmethod
    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing | None:
        """The cycles of the operation's core; ``None`` if it is mere wires and has no core."""

    def sweeps(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> tuple[Axis, ...]:
        """What its core does along single axes, one after the other; empty where it is not made like that."""
        return ()

    def lane_choices(self, inputs: tuple[TensorType, ...], result: TensorType) -> tuple[Sequence[int], Sequence[int] | None]:
        """How many elements its core can take in a cycle, and how many it can give, ascending.

        ``None``: what it takes decides, see :meth:`results`. Any number, unless an operation says otherwise.
        """
        return range(1, inputs[0].size + 1), None

    def results(self, inputs: tuple[TensorType, ...], taken: int) -> int:
        """How many elements its core gives in a cycle if it takes so many, where :meth:`lane_choices` leaves no choice."""
        return taken

    def lane_pairs(self, inputs: tuple[TensorType, ...]) -> tuple[Lanes, ...] | None:
        """The lanes that its core can have, where not every number is possible: narrower ones first, the widest last."""
        return None

    def operand_lanes(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> tuple[int, ...]:
        """Elements of each input that its core takes in a cycle."""
        return (lanes.input,) * len(inputs)


def frozen_array(values: npt.ArrayLike) -> IntArray:
    """An int64 copy that cannot be written to.

    Raises:
        CreatorError: for numbers that are no integers, or none that int64 holds.
    """
    try:
        array = np.array(values, dtype=np.int64, order="C")
    except (OverflowError, ValueError, TypeError) as error:
        raise CreatorError(f"expected an array of integers: {error}") from None
    if not np.array_equal(array, values):
        raise CreatorError("expected an array of integers, got others")
    array.setflags(write=False)
    return array


def check_codes(fmt: Format, codes: IntArray, what: str) -> None:
    """Refuses an operation's array ``what`` if it is not codes of ``fmt``."""
    try:
        fmt.check(codes, "")
    except CreatorError as error:
        raise CreatorError(f"in its {what}, {error.what}", hint=error.hint) from None


def check_operands(name: str, inputs: tuple[TensorType, ...], output: Format) -> None:
    """Refuses operands of an elementwise operation that have different shapes, or scales that are no powers of two."""
    for fmt in (*(x.format for x in inputs), output):
        if isinstance(fmt, Affine):
            raise CreatorError(
                f"{name} takes no {fmt}, whose step is no power of two",
                hint="put nn.Quantize with a FixedPoint before and after",
            )
    shapes = {x.shape for x in inputs}
    if len(shapes) > 1:
        raise CreatorError(f"its operands have the shapes {' and '.join(str(x.shape) for x in inputs)}", hint="make both alike")


def check_limits(low: int, high: int, fmt: Format) -> None:
    """Refuses a clamp ``low ... high`` that is not a range of codes of ``fmt``."""
    if not fmt.min_code <= low <= high <= fmt.max_code:
        raise CreatorError(f"the clamp {low} ... {high} is not a range of {fmt}")


def check_overflow(fmt: FixedPoint, rounding: Rounding, overflow: Overflow) -> None:
    """Refuses what no hardware can do."""
    check_rounding(rounding)
    check_wrap(fmt, overflow)


def limited(interval: Interval, fmt: Format, overflow: Overflow, low: int, high: int) -> Interval:
    """Bounds after the overflow rule of ``fmt`` and the clamp ``low ... high``."""
    fits = fmt.min_code <= interval.low and interval.high <= fmt.max_code
    if overflow is Overflow.WRAP and not fits:
        interval = Interval.of(fmt)
    return Interval(min(max(interval.low, low), high), min(max(interval.high, low), high))

"""The smallest entities that compute: rendered by the project itself, with what a proof has to know of their pipeline."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from creator.affine import Format
from creator.formats import FixedPoint, Overflow, Rounding
from creator.graph import Graph
from creator.ops import Clamp, Interval, Lanes, Linear, Lookup, Op, Quantize, Rescale, TensorType
from creator.ops.quantize import requantizer_stages
from creator.render.cores import CoreFiles, core_files
from creator.render.names import Names
from creator.schedule import Core, schedule
from tests.graph.chains import chain

_PORT = re.compile(r"^ +(\w+) *: (in|out) +std_logic(?:_vector\((\d+) downto 0\))?;?$", re.MULTILINE)
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Kernel:
    """An entity and its parts.

    Args:
        title: for people.
        sources: names and VHDL of its entities; the last one is the kernel.
        latency: registers from the inputs to each output.
        arrival: stage at which an input is read; 0 unless it stands here.
        constants: inputs that a proof holds at one value.
        states: outputs that come from registers which read themselves, such as sums.
        cuts: whether multiplications stay unknown, with operands and products as ports.
        roms: names of constant memories, and the attribute with which synthesis places them.
    """

    title: str
    sources: tuple[tuple[str, str], ...]
    latency: Mapping[str, int]
    arrival: Mapping[str, int] = field(default_factory=dict)
    constants: Mapping[str, int] = field(default_factory=lambda: {"enable": 1})
    states: tuple[str, ...] = ()
    cuts: bool = False
    roms: tuple[tuple[str, str], ...] = ()

    @property
    def entity(self) -> str:
        """Its name, different for each kernel."""
        return self.sources[-1][0]

    @property
    def ports(self) -> list[tuple[str, str, int]]:
        """Name, ``in`` or ``out``, and bits of each port; 0 for a single signal."""
        found = _PORT.findall(self.sources[-1][1].split("end entity")[0])
        return [(name, way, int(high) + 1 if high else 0) for name, way, high in found]

    @property
    def inputs(self) -> list[str]:
        """The inputs that vary."""
        return [name for name, way, _ in self.ports if way == "in" and name not in (*self.constants, "clock", "enable")]

    def edited(self, old: str, new: str) -> Kernel:
        """The kernel with a fault: text of its entity, which must occur once, replaced."""
        name, text = self.sources[-1]
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in\n{text}"
        return replace(self, title=f"{self.title} with {new!r}", sources=(*self.sources[:-1], (name, text.replace(old, new))))


def core_of(graph: Graph, lanes: Lanes | None = None) -> Core:
    """The core of a graph of one operation."""
    (core,) = schedule(graph).cores
    if lanes is None:
        return core
    return replace(core, lanes=lanes, timing=core.node.op.timing((core.input_type,), lanes))


def rendered(op: Op, entry: Format, shape: tuple[int, ...] = (1,), interval: Interval | None = None,
             lanes: Lanes | None = None) -> CoreFiles:  # fmt: skip
    """The files of the core of one operation."""
    core = core_of(chain(op, entry=entry, shape=shape), lanes)
    names = Names()
    return core_files(core, (interval or Interval.of(entry),), names.unique(f"k{next(_NUMBERS)}"), names)


def part(files: CoreFiles, suffix: str) -> tuple[tuple[str, str], ...]:
    """One entity of a core."""
    return tuple((str(name), text) for name, text in files.files if str(name).endswith(suffix))


@dataclass(frozen=True)
class Requantizer:
    """A requantizer and what it has to compute: ``clip(limit(round(code * 2**-shift) + zero_point), low, high)``.

    Args:
        kernel: its entity.
        entry: format of what comes in, whose codes lie within ``interval``.
        shift: bits to drop; negative if bits are appended.
        output: format of the result.
        op: the operation that it belongs to.
        offset: what the value has on top of what is rounded.
    """

    kernel: Kernel
    entry: Format
    interval: Interval
    shift: int
    output: Format
    rounding: Rounding
    overflow: Overflow
    low: int
    high: int
    zero_point: int
    op: Op
    offset: int = 0


def of_quantize(op: Quantize, entry: FixedPoint, interval: Interval | None = None) -> Requantizer:
    """The requantizer of a change of format."""
    files = rendered(op, entry, interval=interval)
    shift = entry.frac_bits - op.output.frac_bits
    title = f"{entry} to {op.output}, {op.rounding}, {op.overflow}, {op.low} ... {op.high}"
    kernel = Kernel(title, part(files, "_requantizer"), {"result": requantizer_stages(shift, op.rounding)})
    return Requantizer(kernel, entry, interval or Interval.of(entry), shift, op.output, op.rounding, op.overflow,
                       op.low, op.high, 0, op)  # fmt: skip


def of_linear(op: Linear, entry: FixedPoint) -> Requantizer:
    """The requantizer of a layer, with the bounds of its sums."""
    files = rendered(op, entry, (op.in_features,))
    totals = op.totals(TensorType((op.in_features,), entry), Interval.of(entry))
    rules = f"{op.rounding}, {op.overflow}, {op.low} ... {op.high}"
    title = f"sum {totals.low} ... {totals.high}, {op.offset} more, of {op.accumulator} to {op.output}, {rules}"
    kernel = Kernel(title, part(files, "_requantizer"), {"result": op.requantizer_stages})
    rules = (op.rounding, op.overflow, op.low, op.high)
    exact = Interval(totals.low - op.offset, totals.high - op.offset)
    return Requantizer(kernel, op.accumulator, exact, op.dropped, op.output, *rules, 0, op, op.offset)


def of_clamp(op: Clamp, entry: FixedPoint) -> Requantizer:
    """The limits of a clamp."""
    kernel = Kernel(f"{entry} to {op.low} ... {op.high}", part(rendered(op, entry), "_requantizer"), {"result": 1})
    return Requantizer(kernel, entry, Interval.of(entry), 0, entry, Rounding.FLOOR, Overflow.SATURATE, op.low, op.high, 0, op)


def of_rescale(op: Rescale, entry: Format) -> Requantizer:
    """The requantizer of a change of scale, which rounds a product."""
    files = rendered(op, entry)
    x, scaling = TensorType((1,), entry), op.scaling
    value, values = entry, Interval.of(entry)
    if op.multiplier_stages(x):
        zeros = op.shift - scaling.shift
        low, high = op.products(x, values)
        values = Interval(low >> zeros, high >> zeros)
        value = FixedPoint(max(high.bit_length() for high in (~values.low, values.high, -1)) + 1, 0)
    title = f"product {values.low} ... {values.high} to {op.output}, {op.rounding}, {op.low} ... {op.high}"
    stages = requantizer_stages(scaling.shift, op.rounding, op.zero_point)
    kernel = Kernel(title, part(files, "_requantizer"), {"result": stages})
    return Requantizer(kernel, value, values, scaling.shift, op.output, op.rounding, Overflow.SATURATE,
                       op.low, op.high, op.zero_point, op)  # fmt: skip


def of_lookup(op: Lookup, entry: Format) -> Kernel:
    """The whole core of a table; nothing stalls it."""
    return _streaming(rendered(op, entry), f"table of {len(op.table)} entries of {op.output}", 2 + 2 * (len(op.table) > 1024))


def whole_rescale(op: Rescale, entry: Format) -> Kernel:
    """The whole core of a change of scale with one factor; nothing stalls it."""
    files = rendered(op, entry)
    title = f"({entry}) * {op.factors[0]} / 2**{op.shift} to {op.output}, {op.rounding}, {op.low} ... {op.high}"
    return _streaming(files, title, files.core.timing.delay)


def _streaming(files: CoreFiles, title: str, delay: int) -> Kernel:
    sources = tuple((str(name), text) for name, text in files.files)
    roms = [(str(name), 'ram_style "block"') for name in files.block_roms] + [
        (str(name), 'rom_style "logic"') for name in files.logic_roms
    ]
    return Kernel(
        title,
        sources,
        {"out_data": delay},
        constants={"out_ready": 1, "reset": 0, "in_valid": 1, "in_last": 0},
        roms=tuple(roms),
    )

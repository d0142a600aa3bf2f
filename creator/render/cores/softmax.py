"""The entities of a softmax."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from creator.ops import Softmax
from creator.ops.argmax import Comparison
from creator.render.core_files import CoreFiles
from creator.render.cores.comparison import levels_of
from creator.render.values import Bits, Identifier
from creator.schedule.rom import address_bits


@dataclass(frozen=True)
class Sums:
    """A level of sums by pairs, of so many bits; a term is left over where they are odd."""

    number: int
    source_terms: int
    bits: int

    @property
    def pairs(self) -> int:
        """Sums."""
        return self.source_terms // 2

    @property
    def odd(self) -> int:
        """Whether a term is left over, 1 or 0."""
        return self.source_terms % 2

    @property
    def terms(self) -> int:
        """What it leaves."""
        return self.pairs + self.odd


def sums_of(terms: int, bits: int, most: int) -> list[Sums]:
    """The levels that add so many terms of ``bits`` bits; no sum needs more than ``most``."""
    levels: list[Sums] = []
    while terms > 1:
        number = len(levels) + 1
        levels.append(Sums(number, terms, min(bits + number, most)))
        terms = levels[-1].terms
    return levels


def render_softmax(files: CoreFiles, op: Softmax) -> None:
    """Renders the core's entities."""
    core, x, output = files.core, files.core.input_type, op.output
    found = Comparison(x, core.lanes)
    lanes, code_bits, sum_bits = core.lanes.input, x.format.total_bits, op.sum_bits(x)
    reached = op.reached(x)
    table_bits = address_bits(reached)
    padded = np.zeros((1 << table_bits, 1), dtype=np.int64)
    padded[:reached, 0] = op.table[:reached]
    table = files.rom("table", f"exponentials of {core.node.where}, by the difference", [(padded, op.entry_bits)])
    divider = files.part(
        "divider",
        "divider",
        {"lanes": lanes, "bits": op.quotient_bits, "entry_bits": op.entry_bits, "sum_bits": sum_bits},
    )
    kind = Identifier("signed" if x.format.signed else "unsigned")
    comparisons = levels_of(found, keeps=True)
    short = max((level.number for level in comparisons if level.present < level.pairs), default=0)
    largest = None
    if comparisons:
        part = {"kind": kind, "terms": found.terms, "masks": short, "remainder": found.remainder, "levels": comparisons}
        largest = files.part("largest", "largest", part | {"input_format": x.format, "keeps": True, "places": False})
    top = 1 << output.frac_bits
    files.main(
        {
            "row": x.shape[-1],
            "rows_a_frame": x.size // x.shape[-1],
            "grid": op.entry_bits - 1,
            "lanes": lanes,
            "interval": core.timing.interval,
            "delay": core.timing.delay,
            "kind": kind,
            "code_bits": code_bits,
            "entry_bits": op.entry_bits,
            "sum_bits": sum_bits,
            "table_bits": table_bits,
            "far": Bits(0, code_bits - table_bits) if code_bits > table_bits else None,
            "levels": found.levels,
            "sums": sums_of(lanes, op.entry_bits, sum_bits),
            "masks": short,
            "remainder": found.remainder,
            "words": found.words,
            "place_bits": address_bits(found.words),
            "store_stages": op.store_stages(x, core.lanes),
            "held": op.holds(x, core.lanes),
            "table_stage": op.entry_stages(x, core.lanes) - found.levels - op.holds(x, core.lanes) - 1,
            "entry_stages": op.entry_stages(x, core.lanes),
            "entry_stage": op.entry_stages(x, core.lanes) - found.levels,
            "quotient_bits": op.quotient_bits,
            "stages": op.division_stages,
            "limited": output.max_code < top,
            "limit": output.max_code,
            "limit_code": Bits(output.max_code, output.total_bits),
            "narrows": output.total_bits <= output.frac_bits + 1,
            "largest_entity": largest,
            "table_entity": table,
            "divider_entity": divider,
        }
    )

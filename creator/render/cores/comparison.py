"""The entities of what finds the largest element of each row: its index, or both."""

from __future__ import annotations

from dataclasses import dataclass

from creator.ops import ArgMax, Top1
from creator.ops.argmax import Comparison, index_format
from creator.render.core_files import CoreFiles
from creator.render.values import Bits, Identifier
from creator.schedule.rom import address_bits


@dataclass(frozen=True)
class Level:
    """Comparisons by pairs of ``source_terms`` terms, the last one left over where they are odd.

    In a short beat the pairs from ``present`` on have no right one. ``keeps``: whether anything reads the larger values.
    """

    number: int
    source_terms: int
    present: int
    keeps: bool

    @property
    def before(self) -> int:
        """The level before it."""
        return self.number - 1

    @property
    def pairs(self) -> int:
        """Comparisons."""
        return self.source_terms // 2

    @property
    def odd(self) -> int:
        """Whether a term is left over, 1 or 0."""
        return self.source_terms % 2

    @property
    def terms(self) -> int:
        """What it leaves."""
        return self.pairs + self.odd


def levels_of(found: Comparison, keeps: bool) -> list[Level]:
    """The levels for the elements of a row in a beat; ``keeps``: whether anything reads the largest element itself."""
    levels: list[Level] = []
    terms, remainder = found.terms, found.remainder
    for number in range(1, found.levels + 1):
        levels.append(Level(number, terms, remainder // 2, keeps or number < found.levels))
        terms, remainder = levels[-1].terms, remainder - remainder // 2
    return levels


def render_comparison(files: CoreFiles, op: ArgMax | Top1) -> None:
    """Renders the core's entities."""
    core, x = files.core, files.core.input_type
    found, scores = Comparison(x, core.lanes), isinstance(op, Top1)
    levels = levels_of(found, scores or found.words > 1)
    index_bits = index_format(x).total_bits
    shared = {
        "kind": Identifier("signed" if x.format.signed else "unsigned"),
        "terms": found.terms,
        # Up to which level a short beat makes a difference.
        "masks": max((level.number for level in levels if level.present < level.pairs), default=0),
    }
    part = {
        "input_format": x.format,
        "levels": levels,
        "remainder": found.remainder,
        "keeps": scores or found.words > 1,
        "places": True,
    }
    largest = files.part("largest", "largest", shared | part) if levels else None
    joined = found.words > 1 and found.levels > 0 and found.terms == 1 << found.levels
    score_shift, index_shift = (op.shift(x), core.node.type.format.frac_bits) if isinstance(op, Top1) else (0, 0)
    files.main(
        shared
        | {
            "row": x.shape[-1],
            "rows_a_frame": x.size // x.shape[-1],
            "rows": found.rows,
            "row_bits": found.terms * x.format.total_bits,
            "words": found.words,
            "levels": found.levels,
            "beat_bits": address_bits(found.words),
            "joined": joined,
            "index_bits": index_bits,
            "base_bits": index_bits - found.levels * joined,
            "scores": scores,
            "score_shift": score_shift,
            "index_shift": index_shift,
            "score_zeros": Bits(0, score_shift) if score_shift else None,
            "index_zeros": Bits(0, index_shift) if index_shift else None,
            "largest_entity": largest,
        }
    )

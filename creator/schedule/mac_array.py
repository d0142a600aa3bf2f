"""How a linear core multiplies: so many multipliers, of such a width, two products in one where they fit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from creator.formats import IntArray, bits_for
from creator.ops import Interval, Lanes, Linear, TensorType, beats
from creator.ops.base import deep_stages
from creator.schedule.rom import is_block_rom
from creator.targets import Family


@dataclass(frozen=True, eq=False)
class MacArray:
    """The products of one cycle: ``lanes.input`` activations times the weights of ``lanes.output`` rows; where a convolution
    computes groups of channels side by side, those of each group times its own rows.

    With ``lanes.packed`` an activation ``x`` is multiplied once with ``w1 * 2**low_bits + w0``, w1 and w0 being its weights in
    two rows. ``low_bits`` is what every ``w0 * x`` fits, so that the product's low part is ``w0 * x`` and the rest is
    ``w1 * x``, less one where the low part is negative: exact for all values. What a memory holds of the pair is w0 and
    ``w1 - 1`` where w0 is negative, else w1: concatenated they are the operand.

    Args:
        op: the layer.
        x: type of its input.
        interval: bounds of the input's codes.
        lanes: of the core.
    """

    op: Linear
    x: TensorType
    interval: Interval
    lanes: Lanes

    @property
    def activation_bits(self) -> int:
        """Width of an activation as a signed number."""
        return self.x.format.total_bits + (not self.x.format.signed)

    @property
    def weight_bits(self) -> int:
        """Width of a weight."""
        return self.op.weight_bits

    @cached_property
    def bias_bits(self) -> int:
        """Width of the narrowest signed number that holds every bias; 0 if all are the same, so that no memory is needed."""
        low, high = int(self.op.bias.min()), int(self.op.bias.max())
        return bits_for(low, high) if low != high else 0

    @property
    def product_bits(self) -> int:
        """Width of a product."""
        return self.activation_bits + self.weight_bits

    @cached_property
    def low_bits(self) -> int:
        """What the product of any weight and any activation fits."""
        extremes = int(self.op.weight.min()), int(self.op.weight.max()), 0
        products = [w * x for w in extremes for x in self.op.reads(self.interval)]
        return max(self.weight_bits, bits_for(min(products), max(products)))

    @property
    def upper_bits(self) -> int:
        """Width of a weight, or one less."""
        return bits_for(int(self.op.weight.min()) - 1, int(self.op.weight.max()))

    @property
    def selects(self) -> bool:
        """Whether no multiplier is needed."""
        return self.op.selects

    @property
    def pairs(self) -> int:
        """Pairs of rows that share multipliers."""
        return self.lanes.output // 2 if self.lanes.packed else 0

    @property
    def multipliers(self) -> int:
        """Multipliers, of any width."""
        return 0 if self.selects else self.terms * (self.lanes.output - self.pairs)

    @property
    def terms(self) -> int:
        """Products of each row."""
        return self.op.terms(self.lanes)

    @property
    def products(self) -> int:
        """Products of all rows."""
        return self.terms * self.lanes.output

    @property
    def sides(self) -> int:
        """Into how many parts the activations and the rows fall, each multiplied by itself."""
        return self.lanes.input // self.terms

    @property
    def operand_bits(self) -> tuple[int, int]:
        """Widths of the widest multiplier's operands."""
        weight = self.upper_bits + self.low_bits if self.pairs else self.weight_bits
        return self.activation_bits, weight

    def packs_into(self, family: Family) -> bool:
        """Whether two products fit one of a family's signed multipliers, and are better off there."""
        pair = self.activation_bits, self.upper_bits + self.low_bits
        fits = all(width <= most for width, most in zip(sorted(pair), sorted(family.multiplier), strict=True))
        saves = family.saves_by_packing((self.activation_bits, self.weight_bits), pair)
        return fits and saves and self.lanes.output > 1 and self.sides == 1 and not self.selects

    def accumulates_in(self, family: Family) -> bool:
        """Whether each sum is one product a cycle, of one block, which can be its adder and register too."""
        blocks = 0 if self.selects else family.multiplier_blocks(self.activation_bits, self.weight_bits)
        return self.terms == 1 and self.pairs == 0 and blocks == 1

    @property
    def word_bits(self) -> int:
        """Width of a word of weights."""
        pair, lone = self.upper_bits + self.weight_bits, self.weight_bits
        return self.terms * (self.pairs * pair + (self.lanes.output - 2 * self.pairs) * lone)

    @property
    def row_words(self) -> int:
        """Words of weights for a group of rows: the cycles that its sums take."""
        return self.op.row_words(self.lanes)

    @property
    def groups(self) -> int:
        """Groups of rows, one after another."""
        return self.op.row_groups(self.lanes)

    @property
    def words(self) -> int:
        """Words of weights."""
        return self.row_words * self.groups

    @property
    def bias_in_block(self) -> bool:
        """Whether the biases are in block RAM."""
        return is_block_rom(self.groups, self.lanes.output * self.bias_bits)

    @property
    def bias_stage(self) -> int:
        """How far a group's first product is when its biases' address is read: their memory takes a cycle, a deep one more,
        and there is a register behind it, or two."""
        return self.op.sum_stages(self.lanes) - 3 - self.bias_in_block - deep_stages(self.groups)

    @property
    def index_in_address(self) -> bool:
        """Whether the weights' address is the group and the beat of activations in it, side by side."""
        return self.groups > 1 and self.row_words > 1 and self.row_words & (self.row_words - 1) == 0

    @property
    def group_in_address(self) -> bool:
        """Whether, besides, it is still that group's when its biases are read."""
        return self.index_in_address and self.bias_bits > 0 and self.bias_stage < self.row_words

    def contents(self) -> list[tuple[IntArray, int]]:
        """The fields of every word, the lowest bits first: codes of shape (words, fields), and the width of each.

        A word has the weights of one group of rows and one beat of activations; a pair's low weight comes before its upper
        one. Weights for lanes that a remainder leaves empty are zero.
        """
        inputs, outputs = self.terms, self.lanes.output
        groups, words = self.groups, self.row_words
        padded = np.zeros((groups * outputs, words * inputs), dtype=np.int64)
        padded[: self.op.out_features, : self.op.in_features] = self.op.weight
        # (group, word, row, lane)
        ordered = padded.reshape(groups, outputs, words, inputs).transpose(0, 2, 1, 3).reshape(-1, outputs, inputs)
        fields: list[tuple[IntArray, int]] = []
        for pair in range(self.pairs):
            low, upper = ordered[:, 2 * pair], ordered[:, 2 * pair + 1]
            for lane in range(inputs):
                fields.append((low[:, lane : lane + 1], self.weight_bits))
                fields.append((upper[:, lane : lane + 1] - (low[:, lane : lane + 1] < 0), self.upper_bits))
        lone = ordered[:, 2 * self.pairs :]
        if lone.shape[1]:
            fields.append((lone.reshape(len(ordered), -1), self.weight_bits))
        return fields

    def level_bits(self, sum_bits: int) -> list[tuple[int, int]]:
        """For each level of the adder tree: terms of a row, and their width; no sum needs more than ``sum_bits``."""
        levels, terms, width = [], self.terms, self.product_bits
        while terms > 1:
            terms, width = beats(terms, 2), min(width + 1, max(sum_bits, self.product_bits))
            levels.append((terms, width))
        return levels

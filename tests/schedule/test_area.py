"""What the parts of a core are made of: registers and adders that a core does not have must not be counted."""

from __future__ import annotations

from dataclasses import replace

from creator import FixedPoint, Rounding
from creator.ops import Interval, Lanes, TensorType
from creator.passes import LOWER, run_passes
from creator.schedule.costs import add_core
from creator.schedule.parts import Parts
from creator.targets.family import ECP5, ICE40, XC7, Family
from tests.graph.chains import chain, linear

F = FixedPoint
ENTRY = F(8, 4)
ONE = Lanes()


def parts(
    rounding: Rounding,
    n: int = 8,
    family: Family = ECP5,
    lanes: Lanes = ONE,
    bits: int = 8,
    entry: FixedPoint = ENTRY,
) -> Parts:
    """Those of a lowered layer with four outputs, and weights of ``bits`` bits."""
    layer = linear(n, 4, rounding=rounding, weight_format=F(bits, 5), entry=entry)
    graph = run_passes(chain(layer, shape=(n,), entry=entry), LOWER)
    found = Parts(family)
    add_core(found, graph.nodes[0].op, TensorType((n,), entry), Interval.of(entry), lanes)
    return found


def test_a_rounding_whose_half_is_in_the_bias_adds_nothing() -> None:
    even, up, away = (parts(mode) for mode in (Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.HALF_AWAY))
    assert (even.luts, even.ffs) == (up.luts, up.ffs)
    assert away.luts["add"] > even.luts["add"]
    assert away.ffs["round"] > even.ffs["round"]


def test_rows_of_a_power_of_two_words_save_counters() -> None:
    eight, seven = parts(Rounding.FLOOR), parts(Rounding.FLOOR, n=7)
    assert eight.luts["counter"] < seven.luts["counter"]
    assert eight.ffs["control"] < seven.ffs["control"]
    # Rows that end before their biases are read keep the counter of the biases.
    two, three = parts(Rounding.FLOOR, n=2), parts(Rounding.FLOOR, n=3)
    assert (eight.luts["counter"], seven.luts["counter"]) == (15 - 3 - 2, 15)
    assert (two.luts["counter"], three.luts["counter"]) == (9 - 1, 12)


def test_only_some_multiplier_blocks_take_sums_of_one_product_a_cycle() -> None:
    for family in (ICE40, XC7):
        assert parts(Rounding.FLOOR, family=family).ffs["sum"] == 0
        assert parts(Rounding.FLOOR, family=family, lanes=Lanes(2, 1)).ffs["sum"] > 0
        assert parts(Rounding.FLOOR, family=family, bits=2).ffs["sum"] > 0
        assert parts(Rounding.FLOOR, family=replace(family, accumulates=False)).ffs["sum"] > 0
    assert parts(Rounding.FLOOR).ffs["sum"] > 0


def test_registers_at_a_multiplier_block_are_told_from_others() -> None:
    block, plain = parts(Rounding.FLOOR, family=XC7), parts(Rounding.FLOOR, family=XC7, bits=3, entry=F(4, 2))
    assert (block.dsps, plain.dsps) == (1, 0)
    assert block.ffs["block"] > 0 == block.ffs["product"]
    assert plain.ffs["product"] > 0 == plain.ffs["block"]
    shared = parts(Rounding.FLOOR, lanes=Lanes(1, 2, True), bits=4)
    assert (shared.dsps, shared.ffs["product"]) == (1, 0)
    assert shared.ffs["pair"] > 0

"""Histograms, and the figures of parts and of the whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from creator import FixedPoint
from creator.diagnostics.measure import BINS, Histogram, measured, quantized
from creator.diagnostics.table import decibel, grid, number, percent, shortened, wrapped

NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda x: 0.0 if abs(x) < 1e-6 else x)
LISTS = st.lists(NUMBERS, min_size=1, max_size=30)
PLACES = st.tuples(st.sampled_from([0.0, -4.125, 0.3, 1e5]), st.sampled_from([1.0, 0.07, 2.0**-9]))


def tensor(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def check(found: Histogram, values: list[float]) -> None:
    """Every bin counts the values that lie in it, but for those that lie at its very edge."""
    edges, x = found.edges, np.array(values)
    assert len(edges) == len(found.counts) + 1
    tiny = 1e-9 * max(abs(edges).max(), 1e-3)
    assert edges[0] <= x.min() + tiny
    assert x.max() <= edges[-1] + tiny
    for low, high, count in zip(edges[:-1], edges[1:], found.counts, strict=True):
        assert ((x >= low + tiny) & (x < high - tiny)).sum() <= count <= ((x >= low - tiny) & (x < high + tiny)).sum()
    assert found.counts.sum() == len(values)


@given(LISTS, PLACES)
@settings(derandomize=True, deadline=None, max_examples=40)
def test_a_histogram_counts_every_value_where_it_lies(values: list[float], place: tuple[float, float]) -> None:
    found = Histogram.of(tensor(values), *place)
    check(found, values)
    assert len(found.counts) <= BINS + 1
    if max(values) - min(values) > 1e-3 * max(map(abs, [*values, place[0]])):
        assert len(found.counts) > BINS // 2  # fine enough to show something


@given(LISTS, LISTS, PLACES)
@settings(derandomize=True, deadline=None, max_examples=40)
def test_histograms_add_up(first: list[float], second: list[float], place: tuple[float, float]) -> None:
    one, two = Histogram.of(tensor(first), *place), Histogram.of(tensor(second), *place)
    for both in (one + two, two + one):
        check(both, first + second)
        assert len(both.counts) <= 4 * BINS
        assert both.level == max(one.level, two.level) or len(both.counts) > BINS // 2


def test_bins_begin_half_way_between_codes() -> None:
    fmt = FixedPoint(8, 1)
    x = torch.arange(-128, 128).double() / 2
    found = measured(x, x, fmt, torch.ones(256, dtype=torch.bool)).histogram
    assert found.counts.tolist() == [4] * 64
    assert (found.edges[0], found.edges[-1]) == (-64.25, 63.75)


def test_equal_values_and_tiny_ones() -> None:
    assert Histogram.of(tensor([1e300, 1e300]), 0.0, 2.0**990).counts.tolist() == [2]
    assert Histogram.of(tensor([3.0, 3.0]), 0.0, 1.0).counts.tolist() == [2]
    assert Histogram.of(tensor([1.0, 1.0 + 1e-15]), 0.0, 1.0).counts.sum() == 2
    assert Histogram.of(tensor([1e-30, 2e-30]), -8.0, 2.0**-4).counts.sum() == 2
    apart = Histogram.of(tensor([0.0, 1e-9]), 0.0, 1.0) + Histogram.of(tensor([1e9, 1e9 + 1e-3]), 0.0, 1.0)
    assert apart.counts.sum() == 4
    assert BINS // 2 < len(apart.counts) <= 4 * BINS


@given(LISTS, LISTS, st.booleans())
@settings(derandomize=True, deadline=None, max_examples=40)
def test_the_figures_of_parts_add_up(first: list[float], second: list[float], rectifies: bool) -> None:
    fmt = FixedPoint(8, 2, signed=not rectifies)
    parts = [measured(tensor(v), *_with_format(v, fmt), rectifies) for v in (first, second)]
    both = parts[0] + parts[1]
    whole = measured(tensor(first + second), *_with_format(first + second, fmt), rectifies)
    for name in ("count", "low", "high", "code_low", "code_high", "below", "above", "zeros", "lost"):
        assert getattr(both, name) == getattr(whole, name), name
    assert both.signal == pytest.approx(whole.signal)
    assert both.noise == pytest.approx(whole.noise)


def _with_format(values: list[float], fmt: FixedPoint) -> tuple[torch.Tensor, FixedPoint, torch.Tensor]:
    q, inside = quantized(tensor(values), fmt)
    return q, fmt, inside


def test_ratios_at_their_ends() -> None:
    x = tensor([1.0, 2.0])
    assert measured(x, x).sqnr == math.inf
    assert measured(x * 0, x).sqnr == -math.inf
    assert measured(x, x * 1.1).sqnr == pytest.approx(20)
    assert math.isnan(measured(x, x).code_low)


def test_tables() -> None:
    text = grid(("a", "b", "c"), [("x", "1", "22"), ("yy", "", "3")], texts=2)
    assert text == "a   b   c\n---------\nx   1  22\nyy      3"
    long = grid(("a", "b"), [("x" * 200 + "tail", "1")], texts=1).splitlines()
    assert max(map(len, long)) == 120
    assert long[2].startswith("..x")
    assert long[2].endswith("tail  1")


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, ""), (0.0, "0%"), (1.0, "100%"), (1e-5, "<0.01%"), (0.0123, "1.23%"), (0.99999, "99.9%"), (0.25, "25.0%")],
)
def test_shares_tell_little_from_nothing(share: float | None, text: str) -> None:
    assert percent(share) == text


def test_numbers() -> None:
    assert [number(None), number(-0.00012345), number(15.9375)] == ["", "-0.000123", "15.9"]
    assert [decibel(None), decibel(math.inf), decibel(3.14159)] == ["", "exact", "3.1"]
    assert shortened("affine<8,0.0234567891,-3>") == "affine<8,0.02346,-3>"
    assert shortened("affine<8,1.2345678e-05,0>") == "affine<8,1.235e-05,0>"
    assert shortened("fixed<8,-12>") == "fixed<8,-12>"
    assert max(map(len, wrapped("word " * 100).splitlines())) <= 120

"""Rounding in place, and the limits of formats in dtypes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from creator import FixedPoint, Rounding
from creator.optim.grids import Grid, limits, round_

FORMATS = st.builds(
    lambda bits, frac, signed, symmetric: FixedPoint(bits, frac, signed, symmetric and signed and bits > 1),
    st.integers(1, 63), st.integers(-20, 70), st.booleans(), st.booleans(),
)  # fmt: skip
DTYPES = st.sampled_from([torch.float32, torch.float64, torch.bfloat16])
DETERMINISTIC = [r for r in Rounding if r is not Rounding.STOCHASTIC]


@settings(derandomize=True, deadline=None)
@given(FORMATS, DTYPES)
def test_limits_are_the_outermost_values_that_the_dtype_holds(fmt: FixedPoint, dtype: torch.dtype) -> None:
    low, high = limits(fmt, dtype)
    assert torch.tensor([low, high], dtype=torch.float64).to(dtype).double().tolist() == [low, high]
    assert (fmt.to_integers([low, high]).tolist()) == [low * 2.0**fmt.frac_bits, high * 2.0**fmt.frac_bits]
    if fmt.total_bits <= 8:
        assert (low, high) == (fmt.min_value, fmt.max_value)
    code, digits = int(high * 2.0**fmt.frac_bits), {torch.float32: 24, torch.float64: 53, torch.bfloat16: 8}[dtype]
    assert code <= fmt.max_code < code + 2 ** max(0, fmt.max_code.bit_length() - digits)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(FORMATS, DTYPES, st.sampled_from(DETERMINISTIC), st.integers(0, 2**31))
def test_rounding_in_place_is_that_of_the_formats(fmt: FixedPoint, dtype: torch.dtype, rounding: Rounding, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(200, generator=generator, dtype=torch.float64) * 2.0 ** (fmt.total_bits / 2)
    x = (torch.cat([x, (4 * x).round() / 4, x.abs() * 2.0**fmt.total_bits]) * fmt.step).to(dtype)
    low, high = limits(fmt, dtype)
    expected = fmt.from_integers(fmt.to_integers(x.double().clamp(low, high).numpy(), rounding))
    round_(x, fmt, rounding)
    assert np.array_equal(x.double().numpy(), expected)


def test_every_bfloat16_and_float16() -> None:
    codes = torch.arange(2**16, dtype=torch.int32).to(torch.uint16)
    for dtype in (torch.bfloat16, torch.float16):
        x = codes.view(dtype)
        x = x[torch.isfinite(x)]
        for fmt in (FixedPoint(8, 4), FixedPoint(12, 8), FixedPoint(16, 20), FixedPoint(5, -3), FixedPoint(10, 24)):
            for rounding in DETERMINISTIC:
                y = x.clone()
                round_(y, fmt, rounding)
                low, high = limits(fmt, dtype)
                expected = fmt.from_integers(fmt.to_integers(x.double().clamp(low, high).numpy(), rounding))
                assert np.array_equal(y.double().numpy(), expected), (dtype, fmt, rounding)


def test_nan_stays_and_infinities_saturate() -> None:
    for rounding in Rounding:
        for fmt in (FixedPoint(8, 4), FixedPoint(30, 4)):
            x = torch.tensor([float("nan"), float("inf"), -float("inf")])
            round_(x, fmt, rounding)
            assert x.isnan().tolist() == [True, False, False]
            assert x[1:].tolist() == [limits(fmt, x.dtype)[1], limits(fmt, x.dtype)[0]]


def grid(values: torch.Tensor, fmt: FixedPoint, rounding: Rounding = Rounding.HALF_EVEN) -> Grid:
    return Grid(fmt, [values.clone()], [values], True, rounding, torch.Generator().manual_seed(0))


def test_memory_layout_and_empty_tensors() -> None:
    last = torch.randn(4, 3, 5, 5).to(memory_format=torch.channels_last)
    empty, number = torch.zeros(0, 3), torch.tensor(0.3)
    made = Grid(FixedPoint(8, 4), [last, empty, number], [last, empty, number], True, Rounding.HALF_EVEN, None)
    assert [v.stride() for v in made.masters] == [last.stride(), empty.stride(), number.stride()]
    assert [torch.equal(m, p) for m, p in zip(made.masters, made.parameters, strict=True)] == [True] * 3
    assert float(made.values[2]) == 0.3125
    assert len(made.all_masters) == 301


@pytest.mark.parametrize("rounding", Rounding)
def test_values_agree_with_their_masters(rounding: Rounding) -> None:
    masters = torch.arange(-300, 301) / 100
    made = grid(masters, FixedPoint(4, 1, symmetric=True), rounding)
    near = torch.where(masters >= 0, 1, -1) * 0.5
    for _ in range(20):
        assert bool(made.agree(made.values[0], made.masters[0]).all())
        assert not bool(made.agree(made.values[0] + 2 * near, made.masters[0]).any())
        assert not bool(made.agree(made.values[0] + 0.25, made.masters[0]).any())
        assert not bool(made.agree(made.values[0] * float("nan"), made.masters[0]).any())
        made.round(final=False, before=made.all_masters + 1 if rounding is Rounding.STOCHASTIC else None)
    on_grid = made.masters[0] * 2 == (made.masters[0] * 2).round()
    assert int(on_grid.sum()) == 13
    up = made.agree(made.values[0] + 0.5, made.masters[0]) | made.agree(made.values[0] - 0.5, made.masters[0])
    assert bool(up.any()) == (rounding is Rounding.STOCHASTIC)
    assert not bool(up[on_grid].any())

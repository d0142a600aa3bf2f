"""The shift register that stochastic rounding in PyTorch and in hardware share."""

import copy
import math
from functools import reduce

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from creator import CreatorError, FixedPoint, Rounding
from creator.quantize import fake_quantize
from creator.quantize.lfsr import TAPS, Lfsr
from creator.quantize.rounding import rounded

each_width = pytest.mark.parametrize("bits", TAPS)


def clocked(bits, state, count):
    """An independent shift register on a list of bits, in Galois form; entry t is output t of the application note."""
    register = [0] + [state >> k & 1 for k in range(bits)]
    for _ in range(count):
        yield sum(bit << k for k, bit in enumerate(register[1:]))
        out = register[1]
        register = [0] + [register[t + 1] if t < bits else 0 for t in range(1, bits + 1)]
        for tap in TAPS[bits]:
            register[tap] ^= out


def after(bits, clocks):
    """The state after so many clocks of state 1, by squaring the clock's matrix over GF(2); a matrix is its columns."""

    def times(matrix, vector):
        return reduce(lambda total, k: total ^ matrix[k], (k for k in range(bits) if vector >> k & 1), 0)

    matrix = [list(clocked(bits, 1 << k, 2))[1] for k in range(bits)]
    vector = 1
    while clocks:
        if clocks & 1:
            vector = times(matrix, vector)
        matrix = [times(matrix, column) for column in matrix]
        clocks >>= 1
    return vector


def prime_factors(n):
    return [p for p in range(2, 1 << 13) if n % p == 0 and all(p % q for q in range(2, math.isqrt(p) + 1))]


@each_width
def test_the_states_are_those_of_a_shift_register(bits):
    for seed in {1, (1 << bits) - 1, 0b101}:
        expected = list(clocked(bits, seed, 1500))
        register = Lfsr(bits, seed)
        assert register.integers(1500).tolist() == expected
        pieces = Lfsr(bits, seed)
        assert [r for count in (0, 1, 2, 697, 800) for r in pieces.integers(count).tolist()] == expected
        assert register.state == pieces.state == list(clocked(bits, seed, 1501))[-1]


@each_width
def test_the_period_is_maximal(bits):
    period = (1 << bits) - 1
    factors = prime_factors(period)
    rest = period
    for p in factors:
        while rest % p == 0:
            rest //= p
    factors += [rest] if rest > 1 else []
    assert after(bits, period) == 1
    assert all(after(bits, period // p) != 1 for p in factors if p != period)
    assert bits > 16 or sorted(Lfsr(bits).integers(period).tolist()) == list(range(1, period + 1))


def test_the_documented_numbers():
    assert Lfsr(16).mask == 0xD008
    assert Lfsr(16).integers(6).tolist() == [1, 53256, 26628, 13314, 6657, 56584]


@pytest.mark.parametrize("bits", [3, 8, 11])
def test_long_draws_go_round_the_period(bits):
    register = Lfsr(bits, 3)
    numbers = register.integers(3 * register.period + 5)
    once = Lfsr(bits, 3).integers(register.period)
    assert np.array_equal(numbers, np.resize(once, numbers.size))
    assert register.state == once[5]


@pytest.mark.parametrize("bits", [3, 16, 24])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_are_exact_and_in_row_major_order(bits, dtype):
    register = Lfsr(bits)
    like = torch.empty(4, 5, 6, dtype=dtype).permute(2, 0, 1)
    drawn = register.draw(like)
    assert (drawn.shape, drawn.dtype, drawn.device) == (like.shape, dtype, like.device)
    assert [u * 2.0**bits for u in drawn.flatten().tolist()] == list(clocked(bits, 1, 120))
    assert drawn.min() > 0
    assert drawn.max() < 1
    assert register.draw(torch.empty((), dtype=dtype)).item() * 2.0**bits == list(clocked(bits, 1, 121))[-1]
    assert register.draw(torch.empty(0, dtype=dtype)).shape == (0,)


def test_few_bits_fit_narrow_types():
    assert torch.equal(Lfsr(8).draw(torch.empty(300, dtype=torch.bfloat16)).float(), Lfsr(8).draw(torch.empty(300)))
    for dtype, bits in ((torch.bfloat16, 9), (torch.float16, 12), (torch.int32, 8)):
        with pytest.raises(CreatorError, match=f"{dtype} does not hold {bits} random bits"):
            Lfsr(bits).draw(torch.empty(3, dtype=dtype))


def test_the_state_is_kept_copied_and_restored():
    register = Lfsr(16, 77)
    register.draw(torch.empty(10))
    twin, state = copy.deepcopy(register), register.state
    expected = register.draw(torch.empty(1000))
    assert torch.equal(twin.draw(torch.empty(1000)), expected)
    other = Lfsr(16)
    other.state = state
    assert torch.equal(other.draw(torch.empty(1000)), expected)
    assert repr(Lfsr(16, 77)) == "Lfsr(bits=16, seed=77)"


def test_bad_widths_and_states_are_refused():
    for bits in (2, 25, 16.5, "16"):
        with pytest.raises(CreatorError, match="is not 3 to 24"):
            Lfsr(bits)
    for state in (0, -1, 1 << 8, 1.0, True):
        with pytest.raises(CreatorError, match="is not 1 to 255"):
            Lfsr(8, state)
    register = Lfsr(8)
    with pytest.raises(CreatorError, match="is not 1 to 255"):
        register.state = 0


@settings(derandomize=True, deadline=None)
@given(st.sampled_from(sorted(TAPS)), st.integers(0, 20), st.data())
def test_rounding_is_the_integer_form(bits, dropped, data):
    codes = data.draw(st.lists(st.integers(-(1 << 20), 1 << 20), min_size=1, max_size=40))
    seed = data.draw(st.integers(1, (1 << bits) - 1))
    numbers = list(clocked(bits, seed, len(codes)))
    expected = [(code * 2**bits + r * 2**dropped) >> (dropped + bits) for code, r in zip(codes, numbers, strict=True)]
    x = torch.tensor(codes, dtype=torch.float32) * 2.0**-dropped
    assert rounded(x, Rounding.STOCHASTIC, Lfsr(bits, seed)).tolist() == expected
    if dropped == 0:
        assert expected == codes


@pytest.mark.parametrize(("fmt", "dropped"), [(FixedPoint(8, 4), 8), (FixedPoint(6, 9), 12), (FixedPoint(12, -2), 16)])
def test_fake_quantization_with_the_register_is_an_integer_computation(fmt, dropped):
    codes = torch.randint(-(1 << 23), 1 << 23, (200_000,), generator=torch.Generator().manual_seed(1))
    x = codes.float() * 2.0 ** -(fmt.frac_bits + dropped)
    values = fake_quantize(x, fmt, Rounding.STOCHASTIC, generator=Lfsr(16, 5))
    numbers = Lfsr(16, 5).integers(codes.numel())
    shifted = ((codes.numpy() << 16) + (numbers << dropped)) >> (dropped + 16)
    expected = np.clip(shifted, fmt.min_code, fmt.max_code) * fmt.step
    assert np.array_equal(values.numpy(), expected)


@pytest.mark.parametrize("bits", [8, 12])
def test_over_a_period_the_fraction_is_the_probability(bits):
    # Not a matter of chance: every number but 0 occurs once.
    register = Lfsr(bits, 9)
    for fraction in (0, 1, 3, 1 << (bits - 1), (1 << bits) - 1):
        x = torch.full((register.period,), 5 + fraction * 2.0**-bits)
        y = rounded(x, Rounding.STOCHASTIC, register)
        assert (y == 6).sum() == fraction
        assert (y == 5).sum() == register.period - fraction

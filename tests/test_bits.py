"""Integers as words of bits."""

from __future__ import annotations

import numpy as np
import pytest

from creator import CreatorError
from creator.bits import bit_words


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("words", "fields", "width"), [(1, 1, 1), (1, 3, 1), (3, 1, 1), (5, 4, 3), (2, 7, 63)])
def test_words_of_codes_in_any_memory_order(words: int, fields: int, width: int, order: str) -> None:
    rng = np.random.default_rng(words * fields)
    codes = rng.integers(-(1 << (width - 1)), 1 << (width - 1), (words, fields))
    found = bit_words([(np.asarray(codes, order=order), width)])
    mask = (1 << width) - 1
    assert found == ["".join(f"{int(code) & mask:0{width}b}" for code in row[::-1]) for row in codes]
    turned = codes.T[:, ::-1]
    assert bit_words([(turned, width)]) == bit_words([(turned.copy(), width)])


def test_fields_of_several_widths_begin_with_the_lowest() -> None:
    assert bit_words([(np.array([[1], [-1]]), 2), (np.array([[5], [2]]), 3)]) == ["10101", "01011"]


@pytest.mark.parametrize(("code", "width"), [(4, 2), (-3, 2), (-(2**31) - 1, 32)])
def test_a_code_that_does_not_fit_is_refused(code: int, width: int) -> None:
    with pytest.raises(CreatorError, match=f"do not fit {width} bits"):
        bit_words([(np.array([[code]]), width)])


@pytest.mark.parametrize("count", [1, 2, 5])
def test_fields_of_one_bit(count: int) -> None:
    codes = np.random.default_rng(count).integers(0, 2, (7, count))
    fields = [(codes[:, i : i + 1], 1) for i in range(count)]
    assert bit_words(fields) == ["".join(map(str, row[::-1])) for row in codes.tolist()]
    assert bit_words([(np.asfortranarray(codes), 1)]) == bit_words(fields)

"""The graph's own arithmetic and its evaluation, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from tests.proofs.aig import Aig, counting, packed, unpacked


@pytest.mark.parametrize(("a_bits", "b_bits", "extra"), [(1, 1, 0), (4, 3, 2), (5, 6, 0), (2, 6, 3), (8, 8, 1)])
def test_products_of_all_numbers(a_bits: int, b_bits: int, extra: int) -> None:
    aig = Aig()
    a, b = [aig.leaf() for _ in range(a_bits)], [aig.leaf() for _ in range(b_bits)]
    product = aig.multiply([*a, *[a[-1]] * extra], [*b, *[b[-1]] * extra], a_bits + b_bits)
    length = -(-(1 << (a_bits + b_bits)) // 64)
    words = aig.evaluate(product, {leaf: counting(place, 0, length) for place, leaf in enumerate([*a, *b])}, length)
    numbers = np.arange(64 * length)
    found = sum(unpacked(word) << place for place, word in enumerate(words))
    x, y = numbers & ((1 << a_bits) - 1), numbers >> a_bits & ((1 << b_bits) - 1)
    x, y = x - ((x >> (a_bits - 1)) << a_bits), y - ((y >> (b_bits - 1)) << b_bits)
    assert (found == x * y & ((1 << (a_bits + b_bits)) - 1)).all()


def test_counting_packing_and_unpacking() -> None:
    numbers = np.arange(64 * 5, 64 * 5 + 200)
    for place in range(10):
        bits = numbers >> place & 1
        assert (unpacked(counting(place, 5, 4))[:200] == bits).all()
        assert (unpacked(packed(bits))[:200] == bits).all()

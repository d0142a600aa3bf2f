"""Integers as words of bits: text of zeros and ones, as memories, vectors and beats have it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from creator.errors import CreatorError
from creator.formats import IntArray


def bit_words(fields: Sequence[tuple[IntArray, int]]) -> list[str]:
    """Words of bits from their fields, the lowest first: codes of shape (words, n), and the width of each code.

    Raises:
        CreatorError: for a code that does not fit its width, as a signed or as an unsigned number.
    """
    columns = []
    for codes, width in fields:
        if not -(1 << (width - 1)) <= codes.min() <= codes.max() < 1 << width:
            raise CreatorError(f"{codes.min()} ... {codes.max()} do not fit {width} bits")
        places = np.arange(width - 1, -1, -1)
        bits = (codes[:, ::-1, None] >> places) & 1  # the highest field first, as it is written
        columns.append((bits + ord("0")).astype(np.uint8).reshape(len(codes), -1))
    text = np.ascontiguousarray(np.concatenate(columns[::-1], axis=1))  # one column of one field keeps the order of its codes
    return [row.decode() for row in text.view(f"S{text.shape[1]}").ravel().tolist()]

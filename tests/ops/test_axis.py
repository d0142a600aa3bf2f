"""What pooling along an axis keeps, gives and flushes, against a simulation of windows one by one."""

from __future__ import annotations

import itertools

import pytest

from creator.ops.axis import PoolAxis, pool_axes
from creator.ops.window import Window

SHAPES = [
    (length, kernel, stride, before)
    for length, kernel, stride in itertools.product(range(1, 8), range(1, 6), range(1, 5))
    for before in range(kernel)
]


def axes(length: int, kernel: int, stride: int, before: int) -> list[PoolAxis]:
    """With every padding behind that a kernel can have."""
    counts = {(length + before + after - kernel) // stride + 1 for after in range(kernel)}
    return [PoolAxis(1, length, 1, kernel, stride, before, count) for count in counts if count > 0
            and (count - 1) * stride - before < length]  # fmt: skip


@pytest.mark.parametrize(("length", "kernel", "stride", "before"), SHAPES)
def test_one_result_a_position_in_order(length: int, kernel: int, stride: int, before: int) -> None:
    for axis in axes(length, kernel, stride, before):
        spans = [(max(0, j * stride - before), min(length - 1, j * stride - before + kernel - 1)) for j in range(axis.count)]
        waiting, most, given = list(range(axis.count)), 0, []
        for position in range(10 * length * kernel):
            if not waiting:
                break
            # The oldest is given once it is complete; others wait.
            gives = spans[waiting[0]][1] <= position
            given.append(gives)
            if gives:
                waiting.pop(0)
            most = max(most, sum(spans[window][0] <= position for window in waiting))
        given += [False] * (length - len(given))
        assert list(axis.gives) == given
        assert axis.kept == most
        assert axis.flush == len(given) - length
        assert axis.interval == len(given)


def test_whole_rows_are_one_axis() -> None:
    window = Window((6, 4), 3, (2, 4), (1, 4), (1, 1), (1, 0), (1, 0))
    assert pool_axes(window, 3) == (PoolAxis(1, 24, 3, 8, 4, 4, 7),)
    window = Window((6, 4), 3, (2, 3), (1, 4), (1, 1), (0, 0), (0, 0))
    assert [type(axis) for axis in pool_axes(window, 3)] == [PoolAxis, PoolAxis]

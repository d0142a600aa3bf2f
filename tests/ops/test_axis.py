"""What is done along an axis: pooling against windows one by one, cycles against a core cycle by cycle, and which axes."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from creator.ops import Timing
from creator.ops.axis import Axis, PoolAxis, RepeatAxis, SpreadAxis, pool_axes, repeat_axes, spread_axes, timing_of
from creator.ops.window import Window
from tests.schedule.cycles.sweeps import moves_of

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
        waiting, most, given, behind = list(range(axis.count)), 0, [], False
        for position in range(10 * length * kernel):
            if not waiting:
                break
            # The oldest is given once it is complete; others wait.
            gives = spans[waiting[0]][1] <= position
            given.append(gives)
            if gives:
                waiting.pop(0)
                behind |= any(spans[window][0] <= position for window in waiting)
            most = max(most, sum(spans[window][0] <= position for window in waiting))
        given += [False] * (length - len(given))
        assert list(axis.gives) == given
        assert axis.kept == most
        assert axis.flush == len(given) - length
        assert axis.interval == len(given)
        assert axis.shifts == behind
        *reach, beyond = (range(j * stride - before, j * stride - before + kernel) for j in range(axis.count + 1))
        assert axis.overhangs == (length in reach[-1])
        assert axis.clips == (length - 1 in reach[-1])
        assert axis.aligned == ([*itertools.chain(*reach), beyond[0]] == [*range(length), length])


def check_cycles(axis: Axis, results: int) -> None:
    """Compares the first frame's delay and the steady interval with the core that always has input, and is always ready."""
    part, beats, frames = moves_of(axis), axis.outer * axis.length * axis.inner, 3
    taken: list[int] = []
    given: list[int] = []
    cycle = 0
    while len(given) < frames * results:
        assert cycle <= (frames + 1) * axis.interval + axis.delay
        given += [cycle] * part.valid
        arrives = part.ready(True)
        taken += [cycle] * arrives
        part.clock(arrives, True)
        cycle += 1
    assert axis.delay == max(1, given[results - 1] - taken[beats - 1])
    assert axis.interval == given[3 * results - 1] - given[2 * results - 1]


@pytest.mark.parametrize(("outer", "inner"), [(1, 1), (3, 1), (2, 3), (2, 4)])
def test_cycles_of_each_kind(outer: int, inner: int) -> None:
    for shape in SHAPES[::7]:
        for pool in axes(*shape):
            axis = dataclasses.replace(pool, outer=outer, inner=inner)
            assert axis.remembers == (axis.kept > 0 and inner == 4)
            assert axis.stages == (3 if axis.remembers else 2 if axis.kept else 1)
            check_cycles(axis, outer * axis.count * inner)
    for length, times in itertools.product([1, 2, 3], repeat=2):
        repeat = RepeatAxis(outer, length, inner, times)
        assert (repeat.remembers, repeat.stages) == ((True, 3) if inner > 1 else (False, 1))
        check_cycles(repeat, outer * length * times * inner)
    for length, before, after, step in itertools.product([1, 2, 3], [0, 1, 3], [0, 1, 3], [1, 2, 3]):
        if length > 1 or step == 1:
            spread = SpreadAxis(outer, length, inner, before, after, step)
            assert (spread.remembers, spread.stages) == (False, 2)
            places = list(range(before, before + length * step, step))
            assert spread.positions == places[-1] + 1 + after
            assert [each for each in range(-3, spread.positions + 3) if spread.inside(each)] == places
            check_cycles(spread, outer * spread.positions * inner)


def test_axes_after_one_another() -> None:
    """A register lies between them."""
    rows, columns = PoolAxis(1, 6, 8, 3, 1, 1, 6), PoolAxis(6, 4, 2, 2, 2, 0, 2)
    assert (rows.interval, rows.delay) == (56, 3 + 8)
    assert (columns.interval, columns.delay) == (48, 2)
    assert timing_of((columns, rows)) == Timing(56, 2 + 1 + 11)
    assert timing_of((columns,)) == Timing(48, 2)


def test_pools_go_along_columns_and_then_along_rows() -> None:
    window = Window((6, 8), 4, (2, 3), (1, 2), (1, 1), (1, 2), (0, 1))
    assert window.places == (6, 5)
    columns, rows = PoolAxis(6, 8, 2, 3, 2, 2, 5), PoolAxis(1, 6, 5 * 2, 2, 1, 1, 6)
    assert pool_axes(window, 2) == (columns, rows)
    flat, upright, alone = ((1, 3), (1, 2), (0, 2), (0, 1)), ((2, 1), (1, 1), (1, 0), (0, 0)), ((1, 1), (1, 1), (0, 0), (0, 0))
    for (kernel, stride, before, after), found in (
        (flat, (columns,)),
        (upright, (dataclasses.replace(rows, inner=8 * 2),)),
        (alone, (PoolAxis(1, 6, 8 * 2, 1, 1, 0, 6),)),
        (((1, 1), (2, 1), (0, 0), (0, 0)), (PoolAxis(1, 6, 8 * 2, 1, 2, 0, 3),)),
    ):
        assert pool_axes(Window((6, 8), 4, kernel, stride, (1, 1), before, after), 2) == found
    assert pool_axes(Window((7,), 4, (3,), (2,), (1,), (1,), (2,)), 2) == (PoolAxis(1, 7, 2, 3, 2, 1, 4),)


def test_repeating_goes_along_rows_and_then_along_columns() -> None:
    rows, columns = RepeatAxis(1, 3, 4 * 2, 5), RepeatAxis(3 * 5, 4, 2, 6)
    assert repeat_axes((3, 4, 8), (5, 6), 2) == (rows, columns)
    assert repeat_axes((3, 4, 8), (5, 1), 2) == (rows,)
    assert repeat_axes((3, 4, 8), (1, 6), 2) == (dataclasses.replace(columns, outer=3),)
    assert repeat_axes((3, 4, 8), (1, 1), 2) == (RepeatAxis(3, 4, 2, 1),)
    assert repeat_axes((7, 8), (4,), 2) == (RepeatAxis(1, 7, 2, 4),)


def test_spreading_goes_along_columns_and_then_along_rows() -> None:
    columns, rows = SpreadAxis(3, 4, 2, 1, 2, 5), SpreadAxis(1, 3, 19 * 2, 3, 4, 2)
    assert columns.positions == 1 + 3 * 5 + 1 + 2
    assert spread_axes((3, 4, 8), (3, 1), (4, 2), (2, 5), 2) == (columns, rows)
    assert spread_axes((3, 4, 8), (0, 1), (0, 2), (1, 5), 2) == (columns,)
    assert spread_axes((3, 4, 8), (3, 0), (4, 0), (2, 1), 2) == (dataclasses.replace(rows, inner=4 * 2),)
    assert spread_axes((3, 4, 8), (0, 0), (0, 0), (1, 1), 2) == (SpreadAxis(1, 3, 4 * 2, 0, 0, 1),)
    assert spread_axes((7, 8), (1,), (2,), (3,), 2) == (SpreadAxis(1, 7, 2, 1, 2, 3),)
    # Between a single position and nothing there is nothing.
    assert spread_axes((1, 4, 8), (3, 1), (4, 2), (2, 5), 2) == (SpreadAxis(1, 4, 2, 1, 2, 5), SpreadAxis(1, 1, 38, 3, 4, 1))
    assert spread_axes((1, 1, 8), (0, 0), (0, 0), (2, 5), 2) == (SpreadAxis(1, 1, 2, 0, 0, 1),)


def test_whole_rows_are_one_axis() -> None:
    window = Window((6, 4), 3, (2, 4), (1, 4), (1, 1), (1, 0), (1, 0))
    assert pool_axes(window, 3) == (PoolAxis(1, 24, 3, 8, 4, 4, 7),)
    window = Window((6, 4), 3, (2, 3), (1, 4), (1, 1), (0, 0), (0, 0))
    assert [type(axis) for axis in pool_axes(window, 3)] == [PoolAxis, PoolAxis]

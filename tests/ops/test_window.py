"""Windows against loops over their taps, and the ring of beats against the numbers of all beats."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from creator import CreatorError
from creator.ops.window import Ring, Window

GEOMETRIES = [
    # size, channels, kernel, stride, dilation, before, after
    ((4, 5), 2, (3, 2), (1, 2), (1, 2), (1, 0), (0, 1)),
    ((5, 3), 1, (2, 1), (3, 1), (2, 1), (2, 0), (1, 0)),
    ((6, 4), 3, (1, 4), (2, 1), (1, 1), (0, 3), (0, 0)),
    ((1, 3), 1, (1, 2), (1, 4), (1, 1), (0, 0), (0, 1)),
    ((7,), 2, (3,), (2,), (2,), (1,), (3,)),
    ((2,), 4, (2,), (3,), (1,), (0,), (0,)),
]


def taps(window: Window) -> dict[tuple[int, ...], list[tuple[int, ...]]]:
    """Of each window, in the order of the result, the pixels under its kernel; some lie outside of the sample."""
    fits = []
    for n, k, s, d, b, a in zip(
        window.size, window.kernel, window.stride, window.dilation, window.before, window.after, strict=True
    ):
        first = range(-b, n + a, s)
        fits.append([[p + t * d for t in range(k)] for p in first if p + (k - 1) * d < n + a])
    places = itertools.product(*(range(len(axis)) for axis in fits))
    return {place: list(itertools.product(*(axis[i] for axis, i in zip(fits, place, strict=True)))) for place in places}


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_patches_are_the_pixels_under_the_kernel(geometry) -> None:
    window = Window(*geometry)
    window.check()
    found = taps(window)
    assert window.places == tuple(last + 1 for last in max(found))
    assert {window.taps} == {len(pixels) for pixels in found.values()}
    inside = {tuple(p) for p in itertools.product(*map(range, window.size))}
    assert window.padded == bool(sum(window.before + window.after))
    assert window.padded or all(pixel in inside for pixels in found.values() for pixel in pixels)
    x = np.random.default_rng(1).integers(-99, 99, (2, *window.size, window.channels))
    patches = window.patches(x, 777)
    assert patches.shape == (2, *window.places, *window.kernel, window.channels)
    for place, pixels in found.items():
        rows = patches[(slice(None), *place)].reshape(2, len(pixels), -1)
        for row, pixel in zip(rows.transpose(1, 0, 2), pixels, strict=True):
            expected = x[(slice(None), *pixel)] if pixel in inside else np.full((2, window.channels), 777)
            assert np.array_equal(row, expected)


@pytest.mark.parametrize("beats", [1, 3])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_a_ring_follows_the_numbers_of_the_beats(geometry, beats: int) -> None:
    window = Window(*geometry)
    ring, found = Ring(window, beats), list(taps(window).items())
    width = window.size[-1]
    frame = int(np.prod(window.size)) * beats
    assert (ring.frame, ring.row) == (frame, width * beats)
    numbers = [[(sum(p[:-1]) * width + p[-1]) * beats for p in pixels] for _, pixels in found]
    assert {ring.span} == {max(each) + beats - min(each) for each in numbers}
    assert ring.start == -numbers[0][0]
    bases = [each[0] + n * frame for n in range(2) for each in numbers]
    for (place, _), first, second in zip(found * 2, bases, bases[1:], strict=False):
        last = [i + 1 == count for i, count in zip(place, window.places, strict=True)]
        assert second - first == (ring.jump.frame if all(last) else ring.jump.row if last[-1] else ring.jump.window)
    assert ring.places == (len({place[:-1] for place, _ in found}), window.places[-1])


def test_a_ring_holds_a_window_and_what_the_next_one_needs() -> None:
    """A 3 x 3 window over rows of 5 pixels: two rows and 3 pixels. What arrives meanwhile is at most a frame."""
    square = Window((6, 5), 4, (3, 3), (1, 2), (1, 1), (1, 0), (0, 1))
    assert Ring(square, 2).depth == (2 * 5 + 3 + 2) * 2
    dilated = Window((6, 5), 4, (3, 2), (1, 1), (2, 3), (0, 0), (0, 0))
    assert Ring(dilated, 1).depth == 4 * 5 + 4 + 1
    assert Ring(Window((3,), 1, (2,), (9,), (1,), (0,), (0,)), 1).depth == 2 + 3


def test_the_axes_of_a_ring() -> None:
    """A sample of one axis is a row."""
    two = Ring(Window((6, 7), 1, (2, 3), (1, 2), (3, 1), (1, 0), (0, 2)), 1)
    assert (two.size, two.kernel, two.stride, two.dilation) == ((6, 7), (2, 3), (1, 2), (3, 1))
    assert (two.before, two.after) == ((1, 0), (0, 2))
    one = Ring(Window((7,), 1, (3,), (2,), (4,), (1,), (3,)), 1)
    assert (one.size, one.kernel, one.stride, one.dilation) == ((1, 7), (1, 3), (1, 2), (1, 4))
    assert (one.before, one.after, one.places) == ((0, 1), (0, 3), (1, 2))


def test_the_least_that_is_a_window() -> None:
    Window((1,), 1, (1,), (1,), (1,), (0,), (0,)).check()
    Window((1, 1), 1, (3, 2), (1, 1), (1, 1), (2, 1), (2, 1)).check()  # windows with one pixel, at both ends
    Window((2, 2), 1, (2, 2), (1, 1), (2, 1), (1, 0), (1, 0)).check()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": ()}, "1 or 2 of them"),
        ({"size": (4, 4, 4)}, "1 or 2 of them"),
        *(({name: (1,)}, "1 or 2 of them") for name in ("kernel", "stride", "dilation", "before", "after")),
        *(({name: (1, 0)}, "at least 1") for name in ("kernel", "stride", "dilation")),
        *(({name: (0, 1)}, "at least 1") for name in ("kernel", "stride", "dilation")),
        *(({name: (0, -1)}, "padding at least 0") for name in ("before", "after")),
        *(({name: (-1, 0)}, "padding at least 0") for name in ("before", "after")),
        ({"kernel": (5, 2)}, "larger than the sample"),
        ({"kernel": (2, 5)}, "larger than the sample"),
        ({"dilation": (1, 4)}, "larger than the sample"),
        *(({name: (2, 0)}, "wholly in the padding") for name in ("before", "after")),
        *(({name: (0, 2)}, "wholly in the padding") for name in ("before", "after")),
    ],
    ids=str,
)
def test_refusals(changes: dict[str, tuple[int, ...]], message: str) -> None:
    names = {"size": (4, 4), "kernel": (2, 2), "stride": (1, 1), "dilation": (1, 1), "before": (0, 0), "after": (0, 0)}
    names |= changes
    with pytest.raises(CreatorError, match=message):
        Window(channels=1, **names).check()

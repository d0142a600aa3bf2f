"""A product with a power of two: codes stay, the format's point moves."""

from __future__ import annotations

import numpy as np
import pytest

from creator import Affine, CreatorError, FixedPoint
from creator.ops import Interval, Lanes, Shift, TensorType


@pytest.mark.parametrize("places", [-3, 1, 9])
@pytest.mark.parametrize("fmt", [FixedPoint(8, 4), FixedPoint(5, -2, signed=False), FixedPoint(6, 6, symmetric=True)], ids=str)
def test_values_are_multiplied(fmt: FixedPoint, places: int) -> None:
    op, x = Shift(places), TensorType((3,), fmt)
    result = op.infer((x,))
    codes = np.array([[fmt.min_code, 1, fmt.max_code]])
    y = result.format.from_integers(op.run((x,), (codes,)))
    assert np.array_equal(y, fmt.from_integers(codes) * 2.0**places)
    assert result.shape == (3,)
    assert op.interval((x,), (Interval(-1, 7),)) == Interval(-1, 7)
    assert op.timing((x,), Lanes()) is None


def test_what_is_refused() -> None:
    with pytest.raises(CreatorError, match="has no binary point"):
        Shift(1).infer((TensorType((3,), Affine(0.3)),))
    with pytest.raises(CreatorError, match="its result has 127 fractional bits"):
        Shift(-3).infer((TensorType((3,), FixedPoint(8, 124)),))
    with pytest.raises(CreatorError, match="its result has -127 fractional bits"):
        Shift(3).infer((TensorType((3,), FixedPoint(8, -124)),))
    for sign in (1, -1):
        assert Shift(-2 * sign).infer((TensorType((3,), FixedPoint(8, 124 * sign)),)).format == FixedPoint(8, 126 * sign)

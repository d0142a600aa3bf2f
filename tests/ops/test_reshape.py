"""Another shape: the same elements in the same order."""

from __future__ import annotations

import numpy as np
import pytest

from creator import CreatorError, FixedPoint
from creator.ops import Interval, Lanes, Reshape, TensorType

KIND = (TensorType((2, 6), FixedPoint(8, 0)),)


def test_elements_and_their_bounds_stay() -> None:
    op = Reshape((3, 4))
    assert op.infer(KIND) == TensorType((3, 4), FixedPoint(8, 0))
    x = np.arange(36).reshape(3, 2, 6)
    assert op.run(KIND, (x,)).tolist() == x.reshape(3, 3, 4).tolist()
    assert op.interval(KIND, (Interval(-3, 9),)) == (-3, 9)
    assert op.timing(KIND, Lanes()) is None


@pytest.mark.parametrize("shape", [(3, 3), (13,), (3, 5)])
def test_another_number_of_elements_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(CreatorError, match="cannot reshape"):
        Reshape(shape).infer(KIND)

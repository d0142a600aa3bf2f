"""That there are as many proofs as promised, and that a proof that says nothing does not count."""

from __future__ import annotations

from pathlib import Path

import pytest

from creator.formats import FixedPoint
from tests.graph.chains import quantize
from tests.proofs import requantizers
from tests.proofs.flow import functions
from tests.proofs.kernels import of_quantize
from tests.proofs.sat import Claim, RefutedError, prove
from tests.proofs.specification import requantizes

F = FixedPoint


def test_the_formats_are_many_and_differ() -> None:
    pairs = requantizers.more_pairs()
    shifts = {entry.frac_bits - output.frac_bits for entry, output in pairs}
    assert len({*pairs, *requantizers.BASIC}) == 49
    assert {0, 1, 2, -1, -8} <= shifts
    assert max(shifts) > 30
    assert max(entry.total_bits for entry, _ in pairs) > 48
    assert {(entry.signed, output.signed) for entry, output in pairs} == {(a, b) for a in (True, False) for b in (True, False)}
    # By SAT, in every mode: 40 in `make test`, and so many more in `make test-all`.
    assert 10 * len(requantizers.BASIC) == 40
    assert 10 * len(pairs) == 450


def test_a_claim_about_no_input_is_no_proof(tmp_path: Path) -> None:
    kernel = of_quantize(quantize(F(8, 4)), F(20, 10))
    (function,) = functions([kernel.kernel], tmp_path)
    sound = requantizes(kernel, function)
    nothing = Claim(function, sound.witnesses, sound.body.replace("assign ok = inside", "assign ok = !inside && inside"))
    with pytest.raises(RefutedError, match="no input counts"):
        prove([sound, nothing], tmp_path)

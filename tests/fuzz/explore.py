"""Runs random networks of a seed; one that fails is made as small as it can be and still fails."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.internal.conjecture.providers import HypothesisProvider

from tests.fuzz import branches, cnns, ends, mlps, scales
from tests.fuzz.trial import Trial

KINDS: dict[str, Callable[[], st.SearchStrategy[Trial]]] = {
    "mlp": mlps.small,
    "scales": scales.small,
    "large": mlps.large,
    "ends": ends.small,
    "cnn": cnns.small,
    "branches": branches.small,
}
"""By name, what can be explored."""


def explore(kind: str, number: int, networks: int, check: Callable[[Trial], None]) -> None:
    """Calls ``check`` with ``networks`` random networks of seed ``number``, and with the simplest of all first.

    Raises:
        Exception: what ``check`` raised for the smallest network that was found to fail; a note of it shows the network.
    """

    @seed(number)
    @settings(
        max_examples=networks + 1,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.normal,
    )
    @given(KINDS[kind]())
    def run(network: Trial) -> None:
        check(network)

    # Hypothesis mixes constants of the modules that happen to be loaded into what it draws; a seed would then mean other
    # networks in another process.
    with patch.object(HypothesisProvider, "_maybe_draw_constant", lambda *_, **__: None):
        run()


def simulate_networks(
    kind: str, number: int, networks: int, bench: str = "vhdl", vectors: int = 256, keep: Path | None = None
) -> tuple[int, int]:
    """Networks checked, and samples compared in all of their simulations, of at most ``vectors`` random samples each.

    ``keep``: where the build folder of the smallest failing network goes.

    Raises:
        Exception: see :func:`explore`.
    """
    samples: list[int] = []

    def check(trial: Trial) -> None:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
            build = Path(scratch) / "build"
            try:
                samples.append(trial.check(build, bench, vectors))
            except BaseException:
                if keep is not None and build.exists():
                    shutil.rmtree(keep, ignore_errors=True)
                    shutil.copytree(build, keep)
                raise

    explore(kind, number, networks, check)
    return len(samples), sum(samples)

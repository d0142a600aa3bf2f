"""Small networks that reach every branch of the templates in few cycles.

They come first when a mutant is judged, so they decide how fast that is; each branch that no other test's network reaches
is here.
"""

from __future__ import annotations

from tests.mutation.killers.axes import AXES
from tests.mutation.killers.branches import BRANCHES
from tests.mutation.killers.curves import CURVES
from tests.mutation.killers.killer import Killer
from tests.mutation.killers.layers import LAYERS
from tests.mutation.killers.rows import ROWS
from tests.mutation.killers.windows import WINDOWS

__all__ = ["KILLERS", "Killer"]

KILLERS: list[Killer] = [*LAYERS, *ROWS, *WINDOWS, *AXES, *BRANCHES, *CURVES]

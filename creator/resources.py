"""Where the files that are not Python live: in an installed wheel, or in a checkout."""

from __future__ import annotations

from pathlib import Path

from creator.errors import CreatorError

_INSTALLED = Path(__file__).parent / "_resources"
_CHECKOUT = Path(__file__).parent.parent


def resource_folder(name: str) -> Path:
    """The folder ``templates``, ``vhdl`` or ``sim``."""
    for root in (_INSTALLED, _CHECKOUT):
        if (root / name).is_dir():
            return root / name
    raise CreatorError(f"the folder {name} of this installation is missing", str(_INSTALLED), "reinstall creator")

"""The Jinja environment: strict about names, and prints only typed values."""

from __future__ import annotations

from functools import lru_cache

import jinja2

from creator.render.values import printable
from creator.resources import resource_folder


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """An environment over ``templates/`` and ``sim/`` in which an undefined name or an untyped value is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([resource_folder("templates"), resource_folder("sim")]),
        undefined=jinja2.StrictUndefined,
        finalize=printable,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - VHDL, not HTML; `printable` is the guard
    )


def render(template: str, values: dict[str, object]) -> str:
    """The text of ``templates/<template>.vhd.j2`` with ``values``."""
    return environment().get_template(f"{template}.vhd.j2").render(values)

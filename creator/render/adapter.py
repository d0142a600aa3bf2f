"""What the template of an adapter needs to know: where beats land, and how many can be given after each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from creator.affine import Format
from creator.ops import beats
from creator.render.values import Bit
from creator.schedule import Adapter
from creator.schedule.rom import address_bits


@dataclass(frozen=True)
class Place:
    """A beat that lands after ``at`` elements, with ``full`` beats to give after it; the next one lands at ``next``."""

    at: int
    full: int
    next: int


def _sources(places: list[Place]) -> list[int | None]:
    """For each place the one whose next it is; ``None`` for the first one of a frame that never comes round to it."""
    found = {place.next: index for index, place in enumerate(places)}
    return [found.get(place.at) for place in places]


def adapter_values(adapter: Adapter, fmt: Format) -> dict[str, Any]:
    """Values for ``adapter.vhd.j2``; ``fmt`` is that of the elements."""
    arriving = beats(adapter.size, adapter.input)
    last_pending = beats(adapter.last_place + adapter.remainder, adapter.output)
    places = [Place(at, (at + adapter.input) // adapter.output, (at + adapter.input) % adapter.output) for at in adapter.places]
    if arriving == 1:
        places = [Place(0, last_pending, 0)]
    most = max(last_pending, *(place.full for place in places))
    return {
        "size": adapter.size,
        "format": fmt,
        "input_format": fmt,
        "output_format": fmt,
        "input_lanes": adapter.input,
        "output_lanes": adapter.output,
        "capacity": adapter.capacity,
        "counts": arriving > 1,
        "beats": arriving,
        "beat_bits": address_bits(arriving),
        "places": places,
        "filled_places": [index for index, place in enumerate(places) if place.full > 0],
        "more_places": [index for index, place in enumerate(places) if place.full > 1],
        "sources": _sources(places) if len(places) > 1 else [],
        "most_pending": most,
        "pads": adapter.size % adapter.output != 0,
        "pending_bits": most.bit_length(),
        "last_more": Bit(last_pending > 1),
        "last_pending": last_pending,
    }

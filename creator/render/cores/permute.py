"""The entities of an exchange of axes inside the network."""

from __future__ import annotations

import math
from dataclasses import dataclass

from creator.ops import Permute
from creator.render.core_files import CoreFiles
from creator.render.values import AllOf, Bits, Comment, Identifier
from creator.schedule.rom import address_bits


@dataclass(frozen=True)
class Axis:
    """A loop over an axis of the result; ``distance`` is from the last element of the loops inside it to the next one."""

    name: Identifier
    count: int
    inner: AllOf
    distance: Bits

    @property
    def bits(self) -> int:
        """Width of its counter."""
        return address_bits(self.count)


def render_permute(files: CoreFiles, op: Permute) -> None:
    """Renders the core's entity."""
    x = files.core.input_type
    block = op.block(x)
    bits = address_bits(block)
    loops: list[Axis] = []
    covered = 0  # from the first element of the inner loops to their last
    for axis in reversed(op.axes):
        count, stride = x.shape[axis], math.prod(x.shape[axis + 1 :])
        if count > 1 and stride < block:
            name, distance = Identifier(f"axis_{axis}"), Bits((stride - covered) % (1 << bits), bits)
            loops.append(Axis(name, count, _flags(loops), distance))
            covered += (count - 1) * stride
    files.main(
        {
            "input_shape": Comment(" x ".join(map(str, x.shape))),
            "output_shape": Comment(" x ".join(map(str, files.core.node.type.shape))),
            "block": block,
            "blocks": x.size // block,
            "block_bits": address_bits(max(2, x.size // block)),
            "index_bits": bits,
            "loops": loops,
            "all_ends": _flags(loops),
        }
    )


def _flags(loops: list[Axis]) -> AllOf:
    """What says that each of the loops is in its last turn."""
    return AllOf(tuple(Identifier(f"{loop.name}_ends") for loop in loops))

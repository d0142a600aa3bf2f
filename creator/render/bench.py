"""The benches' VHDL: a simulation compares what a build folder has with these, since a changed bench would prove nothing."""

from __future__ import annotations

from creator.render.environment import render
from creator.render.values import Identifier
from creator.resources import resource_folder


def file_bench(entity: str, top: str, input_bits: int, output_bits: int) -> str:
    """The file bench ``entity`` of the network ``top``, whose beats are so many bits wide."""
    values: dict[str, object] = {
        "entity": Identifier(entity),
        "top": Identifier(top),
        "input_beat_bits": input_bits,
        "output_beat_bits": output_bits,
    }
    return render("file_bench", values)


def stream_checker() -> str:
    """The entity that watches one stream."""
    return (resource_folder("sim") / "creator_stream_checker.vhd").read_text()

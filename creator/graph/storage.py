"""Graphs in files: one safetensors file, the arrays as tensors and the text as metadata. Reading one runs no code."""

from __future__ import annotations

import os

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from creator.disk import write_file
from creator.errors import CreatorError, as_output_file, as_path
from creator.graph.graph import Graph
from creator.graph.text import arrays_of, parse_graph, print_graph

_KEY = "creator-graph"


def graph_bytes(graph: Graph) -> bytes:
    """The contents of the file that :func:`load` reads; the same bytes for the same graph."""
    return bytes(to_bytes(arrays_of(graph), metadata={_KEY: print_graph(graph)}))


def save(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Writes ``graph`` to ``path``, whole or not at all."""
    write_file(as_output_file(path), graph_bytes(graph))


def load(path: str | os.PathLike[str]) -> Graph:
    """The verified graph that :meth:`Graph.save` wrote.

    Raises:
        CreatorError: if the file is missing, truncated, altered into something unsound, or no graph at all.
    """
    file = as_path(path)
    try:
        if not file.is_file():
            raise CreatorError("there is no such file", str(file), "save one with graph.save(path)")
        file.open("rb").close()  # safetensors says of what may not be read that it does not exist
        with safe_open(file, framework="numpy") as tensors:
            text = (tensors.metadata() or {}).get(_KEY)
            arrays = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118 - not a mapping
    except CreatorError:
        raise
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        reason = f"cannot be read as a saved graph: {error}"
        raise CreatorError(reason, str(file), "it is truncated or was not written by graph.save") from None
    if text is None:
        raise CreatorError("is a safetensors file, but not a saved graph", str(file), "write one with graph.save(path)")
    try:
        graph = parse_graph(text, arrays)
    except CreatorError as error:
        raise CreatorError(error.what if not error.where else f"{error.where}: {error.what}", str(file), error.hint) from None
    fault = _not_as_saved(graph, text, set(arrays))
    if fault:
        raise CreatorError(fault, str(file), "it was not written by graph.save")
    return graph


def _not_as_saved(graph: Graph, text: str, arrays: set[str]) -> str:
    """What a file has that :func:`save` would not have written for its graph: it may mean something else to another reader."""
    foreign = sorted(arrays - set(arrays_of(graph)))
    if foreign:
        return f"has the array {foreign[0]!r:.60}, which is not the graph's"
    lines = zip(text.splitlines(keepends=True), print_graph(graph).splitlines(keepends=True), strict=False)
    different = next((number for number, (got, own) in enumerate(lines, start=1) if got != own), None)
    return "" if different is None else f"line {different} of the graph's text is not written as the graph prints it"

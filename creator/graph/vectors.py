"""Test vectors for a graph: seeded random codes and corners."""

from __future__ import annotations

import numpy as np

from creator.affine import Affine
from creator.formats import IntArray
from creator.graph.graph import Graph


def corner_vectors(graph: Graph) -> IntArray:
    """Samples that are all lowest, all highest, all of the value zero, and alternate between the ends.

    Shape (4, *input_shape).
    """
    fmt, shape = graph.input_format, graph.input_shape
    zero = fmt.zero_point if isinstance(fmt, Affine) else 0
    flat = [np.full(shape, code, dtype=np.int64) for code in (fmt.min_code, fmt.max_code, zero)]
    ends = np.where(np.arange(graph.input_type.size) % 2, fmt.min_code, fmt.max_code).reshape(shape)
    return np.stack([*flat, ends])


def random_vectors(graph: Graph, count: int, seed: int = 0) -> IntArray:
    """``count`` samples of uniform codes; shape (count, *input_shape)."""
    fmt = graph.input_format
    return np.random.default_rng(seed).integers(fmt.min_code, fmt.max_code, (count, *graph.input_shape), endpoint=True)


def check_vectors(graph: Graph, count: int, seed: int = 0) -> IntArray:
    """The corners, then ``count`` random samples."""
    return np.concatenate([corner_vectors(graph), random_vectors(graph, count, seed)])

"""The integer graph: what a network computes, without floating point and without torch."""

from creator.graph.build import Builder
from creator.graph.graph import Graph, Node
from creator.graph.storage import load

__all__ = ["Builder", "Graph", "Node", "load"]

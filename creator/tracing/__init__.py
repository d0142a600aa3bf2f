"""From a torch module to a graph."""

from creator.tracing.trace import trace

__all__ = ["trace"]

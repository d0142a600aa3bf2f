"""From a torch module to a graph."""

from creator.tracing.tracer import trace

__all__ = ["trace"]

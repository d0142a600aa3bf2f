"""Runs a translated network in GHDL and compares every output with the graph."""

from creator.simulation.run import Run
from creator.simulation.simulate import simulate

__all__ = ["Run", "simulate"]

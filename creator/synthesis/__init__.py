"""From VHDL to a placed and routed device, with tools that install from PyPI."""

from creator.synthesis.report import Report
from creator.synthesis.synthesize import synthesize
from creator.targets import TARGETS

__all__ = ["TARGETS", "Report", "synthesize"]

"""The devices: how synthesis maps to them, what they hold, and what logic costs in their families."""

from creator.targets.family import FAMILIES, Family
from creator.targets.target import TARGETS, Target, find_target

__all__ = ["FAMILIES", "TARGETS", "Family", "Target", "find_target"]

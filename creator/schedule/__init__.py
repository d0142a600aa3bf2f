"""From a graph to a plan: which cores, how wide, how many cycles."""

from creator.schedule.plan import Core, Plan
from creator.schedule.schedule import schedule

__all__ = ["Core", "Plan", "schedule"]

"""From a graph to a plan: which cores, how wide, how many cycles."""

from creator.schedule.plan import Core, Plan
from creator.schedule.schedule import check_parallelism, schedule

__all__ = ["Core", "Plan", "check_parallelism", "schedule"]

"""From a graph to a plan: which cores, how wide, how many cycles."""

from creator.schedule.estimate import Estimate, estimate_plan
from creator.schedule.plan import Adapter, Core, Plan
from creator.schedule.schedule import Parallelism, check_parallelism, schedule

__all__ = ["Adapter", "Core", "Estimate", "Parallelism", "Plan", "check_parallelism", "estimate_plan", "schedule"]

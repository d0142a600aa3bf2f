"""The streams of a plan cycle by cycle, each part as its VHDL is written: what ``creator.schedule.timeline`` has to agree with.

It is slow, and knows pauses from outside.
"""

"""The protocol bench: drives a network's AXI4-Stream top and records every beat.

Run by ``creator simulate``; the job is a JSON file named by the environment variable ``CREATOR_JOB``. What was seen goes to
``trace.json`` beside it. Comparing is the caller's work; what this bench itself asserts is
the protocol: an output that is offered stays as it is until it is taken, and there are as many beats as planned, not one more.
"""

import json
import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import Event, First, RisingEdge, Timer, with_timeout
from cocotb.utils import get_sim_time

PERIOD_NS = 10


def now() -> int:
    """The number of the current clock cycle."""
    return int(get_sim_time("ns")) // PERIOD_NS


class Bench:
    """Driver and monitor of one run."""

    def __init__(self, dut, job):
        self.dut, self.job = dut, job
        self.random = random.Random(job["seed"])
        self.stalls = job["profile"] != "none"
        self.begun = 0
        self.active = True
        self.done = Event()
        self.trace = {
            "mark": job["mark"],
            "beats": [],
            "last": [],
            "cycles": [],
            "starts": [],
            "taps": {name: [] for name in job["taps"]},
        }

    def pauses(self, side):
        """Whether a side pauses in this cycle; the profiles are those of creator/simulation/stalls.py."""
        profile, cycle = self.job["profile"], now()
        chances = {"random": 0.5, "rare": 0.1, "some": 0.3, "most": 0.9}
        if profile in chances:
            return self.random.random() < chances[profile]
        if profile in ("alternating", "bursts"):
            cycle += cycle // 100 if side == "sink" else 0  # the two sides are not in step
            return (cycle if profile == "alternating" else cycle // 16) % 2 == 1
        return profile == f"slow-{side}" and (cycle - self.begun + (100 if side == "source" else 0)) % 300 < 100

    def idle(self):
        """Offers nothing; what the data are meanwhile must not matter."""
        self.dut.s_axis_tvalid.value = 0
        self.dut.s_axis_tlast.value = "X"
        self.dut.s_axis_tdata.value = "X" * len(self.dut.s_axis_tdata)

    async def send(self, codes, lasts, record):
        """Sends beats one after another, at full speed or with random pauses."""
        dut = self.dut
        clock, starts = RisingEdge(dut.aclk), True
        for code, last in zip(codes, lasts, strict=True):
            while self.stalls and self.pauses("source"):
                self.idle()
                await clock
            dut.s_axis_tdata.value = code
            dut.s_axis_tlast.value = last
            dut.s_axis_tvalid.value = 1
            await clock
            while str(dut.s_axis_tready.value) != "1":
                if not self.stalls:  # sleep until it changes instead of looking every cycle
                    await RisingEdge(dut.s_axis_tready)
                await clock
            if starts and record:
                self.trace["starts"].append(now())
            starts = bool(last)
        self.idle()

    async def receive(self):
        """Takes beats, at full speed or with random pauses, and checks that what is offered holds until it is taken."""
        dut, trace, offered = self.dut, self.trace, None
        clock, rises = RisingEdge(dut.aclk), RisingEdge(dut.m_axis_tvalid)
        while True:
            ready = not (self.stalls and self.pauses("sink"))
            dut.m_axis_tready.value = int(ready)
            await clock
            valid = str(dut.m_axis_tvalid.value)
            assert valid in "01", f"tvalid is {valid} after reset in cycle {now()}"
            if valid == "1":
                beat = str(dut.m_axis_tdata.value), str(dut.m_axis_tlast.value) == "1"
                assert offered in (None, beat), f"the beat {offered} became {beat} before it was taken, in cycle {now()}"
                offered = None if ready else beat
                if ready:
                    trace["beats"].append(beat[0])
                    trace["last"].append(beat[1])
                    trace["cycles"].append(now())
                    if len(trace["beats"]) == self.job["expected"]:
                        self.done.set()
            else:
                assert offered is None, f"the beat {offered} was withdrawn before it was taken, in cycle {now()}"
                if not self.stalls:
                    await rises

    async def tap(self, name, prefix):
        """Records what passes through a stream inside the network."""
        network = self.dut.network
        valid, ready, data = (getattr(network, f"{prefix}_{part}") for part in ("valid", "ready", "data"))
        while True:
            await RisingEdge(self.dut.aclk)
            if str(valid.value) == "1" and str(ready.value) == "1":
                self.trace["taps"][name].append(str(data.value))

    async def reset(self, cycles=3):
        """Holds the reset for some cycles; then both sides may start."""
        self.idle()
        self.dut.m_axis_tready.value = 0
        self.dut.aresetn.value = 0
        for _ in range(cycles):
            await RisingEdge(self.dut.aclk)
        self.dut.aresetn.value = 1


@cocotb.test()
async def stream(dut):
    """The whole run."""
    job_file = Path(os.environ["CREATOR_JOB"])
    job = json.loads(job_file.read_text())
    bench = Bench(dut, job)
    dut.s_axis_tdata.value = 0
    dut.s_axis_tlast.value = 0
    Clock(dut.aclk, PERIOD_NS, "ns").start()
    await bench.reset()
    codes = [int(bits, 2) for bits in job["beats"]]
    lasts = ([0] * (job["each"] - 1) + [1]) * (len(codes) // job["each"])
    if job["interrupt"]:
        dut.m_axis_tready.value = 1
        first_try = bench.send(codes[: job["interrupt"]], lasts[: job["interrupt"]], record=False)
        await with_timeout(first_try, job["patience"] * PERIOD_NS, "ns")
        await bench.reset(1)  # a longer reset would hide what it fails to clear
    for cycles in range(1, job["resets"] + 1):
        dut.m_axis_tready.value = cycles % 2
        attempt = cocotb.start_soon(bench.send(codes, lasts, record=False))
        for _ in range(cycles):
            await RisingEdge(dut.aclk)
        attempt.cancel()
        await bench.reset(1)
    bench.begun = now()
    cocotb.start_soon(bench.receive())
    for name, prefix in job["taps"].items():
        cocotb.start_soon(bench.tap(name, prefix))
    cocotb.start_soon(bench.send(codes, lasts, record=True))
    while not bench.done.is_set():
        before = len(bench.trace["beats"]), len(bench.trace["starts"])
        await First(bench.done.wait(), Timer(job["patience"] * PERIOD_NS, "ns"))
        after = len(bench.trace["beats"]), len(bench.trace["starts"])
        assert bench.done.is_set() or before != after, (
            f"nothing moved for {job['patience']} cycles after {after[0]} of {job['expected']} output beats"
        )
    await Timer((job["drain"] + 64) * PERIOD_NS, "ns")
    surplus = len(bench.trace["beats"]) - job["expected"]
    assert surplus == 0, f"{surplus} output beats more than planned"
    job_file.with_name("trace.json").write_text(json.dumps(bench.trace))

"""``creator.simulate``: runs a bench, compares everything, explains the first mismatch."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from creator.build_folder import BuildFolder
from creator.disk import scratch_folder, written_whole
from creator.errors import CheckFailedError, CreatorError, as_output_file
from creator.formats import IntArray
from creator.graph.order import result_from_stream, to_stream
from creator.graph.vectors import check_vectors
from creator.ops import beats
from creator.simulation.checkers import require_checkers
from creator.simulation.cocotb_bench import run_cocotb
from creator.simulation.file_bench import run_file_bench
from creator.simulation.job import Job, Trace, decode
from creator.simulation.run import Mismatch, Run
from creator.simulation.stalls import stall_profile

BENCHES = ("cocotb", "vhdl")
DEFAULT_VECTORS = 60
LEAST_FRAMES = 6
"""With fewer, steady state is not reached and the interval cannot be measured: the vectors are then repeated."""


def simulate(
    build: str | os.PathLike[str],
    x: npt.ArrayLike | None = None,
    *,
    stalls: bool | int | str = False,
    bench: str = "cocotb",
    waves: str | os.PathLike[str] | None = None,
    interrupt: int = 0,
    resets: int = 0,
) -> Run:
    """Runs the VHDL of a build folder in GHDL on ``x`` and compares every output with ``graph.run(x)``.

    Args:
        build: folder that ``design.write`` made.
        x: codes of the input format, shape (batch, *input_shape); ``None``: corners and 60 seeded random samples.
        stalls: pauses on both sides: the name of a profile in ``creator.simulation.stalls.PROFILES``; ``True`` or a seed: half
            of the cycles, at random.
        bench: ``"cocotb"`` checks the protocol as well; ``"vhdl"`` starts faster and suits bulk.
        waves: a ``.ghw`` or ``.vcd`` file to write the waveform to.
        interrupt: resets the network after so many input beats of a first try, before the run that counts.
        resets: so many tries before that run, of 1, 2, ... cycles, each cut off by a reset.

    Returns:
        Outputs, mismatches, measured interval and latency. A mismatch is a result, not an exception.

    Raises:
        CreatorError: for bad input, and where the simulation did not deliver exactly the planned number of outputs.
    """
    return run_simulation(build, x, stalls=stalls, bench=bench, waves=waves, interrupt=interrupt, resets=resets)


def run_simulation(
    build: str | os.PathLike[str],
    x: npt.ArrayLike | None = None,
    *,
    stalls: bool | int | str = False,
    bench: str = "cocotb",
    waves: str | os.PathLike[str] | None = None,
    interrupt: int = 0,
    resets: int = 0,
    explain: bool = True,
) -> Run:
    """:func:`simulate`; with ``explain`` a mismatch is simulated again, to find the first layer that differs."""
    if bench not in BENCHES:
        raise CreatorError(f"bench={bench!r} is unknown", "simulate", f"choose one of {', '.join(BENCHES)}")
    profile, seed = stall_profile(stalls)
    for name, number in (("interrupt", interrupt), ("resets", resets)):
        if not isinstance(number, (int, np.integer)) or not 0 <= number < 1 << 31:
            raise CreatorError(f"{name}={number!r} is not a whole number from 0 to 2**31 - 1", "simulate")
    folder = BuildFolder.open(build)
    require_checkers(folder)
    graph = folder.graph
    vectors = check_vectors(graph, DEFAULT_VECTORS) if x is None else graph.check_input(x)
    if not len(vectors):
        raise CreatorError("there are no vectors", "input vectors", "pass at least one sample")
    repeats = -(-LEAST_FRAMES // len(vectors))
    samples = np.concatenate([vectors] * repeats)
    waves_file = None if waves is None else as_output_file(waves)
    job = Job(folder, to_stream(graph, samples), profile=profile, seed=seed, resets=resets, interrupt=interrupt)
    trace = _traced(job, bench, waves_file)
    if trace.beats != job.expected_beats or len(trace.starts) != job.frames:
        raise CheckFailedError(
            f"expected {job.expected_beats} output beats from {job.frames} samples, got {trace.beats} from {len(trace.starts)}",
            str(folder.path),
            "the network lost or repeated elements, or hangs",
        )
    return _verdict(job, trace, samples, len(vectors), bench, explain)


def _traced(job: Job, bench: str, waves: Path | None) -> Trace:
    """Runs a bench. The waveform of a network that does something wrong is kept, that of a run that was broken off is not."""
    if waves is not None:
        with written_whole(waves) as partial:
            try:
                found: Trace | CheckFailedError = _traced(dataclasses.replace(job, waves=partial), bench, None)
            except CheckFailedError as error:
                found = error
        if isinstance(found, CheckFailedError):
            raise found
        return found
    with scratch_folder() as scratch:
        return run_cocotb(job, scratch)[0] if bench == "cocotb" else run_file_bench(job, scratch)


def _verdict(job: Job, trace: Trace, vectors: IntArray, samples: int, bench: str, explain: bool) -> Run:
    graph = job.build.graph
    expected = graph.run(vectors).reshape(job.frames, -1)
    got = result_from_stream(graph, trace.codes.reshape(job.frames, -1)).reshape(job.frames, -1)
    different = np.argwhere(got != expected)
    first = None
    if len(different):
        frame, element = (int(i) for i in different[0])
        first = Mismatch(frame % samples, element, int(expected[frame, element]), int(got[frame, element]))
        first = dataclasses.replace(first, layer=_first_layer(job, vectors, frame) if explain else "")
    shape = (samples, *graph.output_shape)
    stalled = job.profile != "none"
    ends = trace.cycles[job.output_beats_per_frame - 1 :: job.output_beats_per_frame]
    return Run(
        outputs=got[:samples].reshape(shape),
        expected=expected[:samples].reshape(shape),
        compared=int(got.size),
        mismatches=len(different),
        first=first,
        interval=None if stalled else measured_interval(ends),
        latency=None if stalled else ends[0] - trace.starts[0],
        cycles=ends[-1] - trace.starts[0] + 1,
        ends=tuple(end - trace.starts[0] for end in ends),
        bench=bench,
        edited=job.build.edited(),
    )


def measured_interval(ends: Sequence[int]) -> int:
    """Clock cycles from one frame to the next in steady state, from those in which two or more frames ended.

    Frames can differ in turn. So what counts is the mean of a period, rounded up, over the longest part of the run's second
    half that consists of whole periods, two or more; where there is none, the mean of that half.
    """
    gaps = [after - before for before, after in itertools.pairwise(ends)]
    for start in range(len(gaps) // 2, len(gaps)):
        tail = gaps[start:]
        for period in range(1, len(tail) // 2 + 1):
            if tail[period:] == tail[:-period]:
                return -(-sum(tail[:period]) // period)
    half = gaps[len(gaps) // 2 :]
    return -(-sum(half) // len(half))


def _first_layer(job: Job, vectors: IntArray, frame: int) -> str:
    """Runs the frames up to the failing one again, with taps after every core; names the first core that differs there."""
    layers = job.build.manifest["layers"]
    again = dataclasses.replace(job, codes=job.codes[: frame + 1], waves=None)
    try:
        with scratch_folder() as scratch:
            _, taps = run_cocotb(again, scratch, {layer["name"]: layer["signal"] for layer in layers})
    except CreatorError as error:
        return f"not found, since the run with taps failed: {error}"
    graph = job.build.graph
    values = graph.run_all(vectors[frame : frame + 1])
    nodes = {node.name: node for node in graph.nodes}
    for layer in layers:
        kind = nodes[layer["name"]].type
        lanes = int(layer["lanes"][1])
        each = beats(kind.size, lanes)
        words = taps[layer["name"]][frame * each : (frame + 1) * each]
        expected = values[layer["name"]].ravel().tolist()
        try:
            found = decode(words, kind.size, lanes, kind.format.total_bits, kind.format)
        except CreatorError:
            found = []
        if found != expected:
            return nodes[layer["name"]].where
    return "none: the difference is after the last layer"

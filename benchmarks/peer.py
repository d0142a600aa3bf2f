"""The peer, elasticai.creator: installs it, lets it generate the network, repairs what it generates, simulates it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import workload
from workload import Codes

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv-peers"
VERSION = "0.67.0"
NEEDS = ("torch==2.13.0", "numpy==2.4.6", "pytest==9.2.0", "cocotb==2.1.0")
"""What it imports; the versions that these need in turn are those of ``constraints.txt``."""

STANDARD = "--std=08"
GAPS = {"apart": 20, "back to back": 1}
"""Clock cycles with ``enable`` low between inferences: far more than it needs, and the fewest that restart it."""

STEADY = 6
"""Inferences of the back-to-back run."""

WARM_UP = 4
"""Inferences before those that count: its memories and registers start undefined, and each layer keeps one old value."""

UNDEFINED = 1 << 20
"""No code: what stands for an output with undefined bits, which is equal to nothing."""

NARROW = "log2(IN_FEATURE_NUM*OUT_FEATURE_NUM)"
WIDE = "log2((IN_FEATURE_NUM+1)*OUT_FEATURE_NUM)"
LATCH = """        if (en = '1') then
            data <= ROM(to_integer(unsigned(addr)));
        end if;
"""
NO_LATCH = """        data <= ROM(to_integer(unsigned(addr)));
"""
LATE = """        if rising_edge(clock) then
            if (done_int = '1') then
                y <= y_ram(to_integer(unsigned(y_address)));
            end if;
        end if;
"""
PROMPT = """        y <= (others => '0');
        if (done_int = '1') then
            y <= y_ram(to_integer(unsigned(y_address)));
        end if;
"""


@dataclass(frozen=True)
class Generated:
    """What the peer generated.

    Args:
        folder: its VHDL, as generated.
        outputs: codes that its PyTorch model gives, in eval mode.
        seconds: time from the model to the files, the median of three.
    """

    folder: Path
    outputs: Codes
    seconds: float

    def lines(self) -> tuple[int, int]:
        """Files, and the lines in them."""
        found = sources(self.folder)
        return len(found), sum(len(path.read_text().splitlines()) for path in found)


@dataclass(frozen=True)
class Simulated:
    """What its VHDL did.

    Args:
        outputs: codes, shape (vectors, outputs); :data:`UNDEFINED` where bits are undefined.
        cycles: clock cycles from start to the last output, one inference at a time.
        interval: clock cycles from last output to last output, back to back.
    """

    outputs: Codes
    cycles: int
    interval: int


def install() -> Path:
    """The Python of the peer's virtual environment, which is made if it is missing."""
    python = VENV / "bin" / "python"
    stamp = VENV / f".peer-{VERSION}"
    if not stamp.is_file():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, "-c", str(HERE.parent / "constraints.txt"), *NEEDS], check=True)
        subprocess.run([*pip, "--no-deps", f"elasticai.creator=={VERSION}"], check=True)
        stamp.touch()
    return python


def generate(python: Path, layers: list[tuple[Codes, Codes]], inputs: Codes, scratch: Path) -> Generated:
    """Lets the peer translate the network of these weights and biases, and run its own model on ``inputs``."""
    scratch.mkdir()
    given, result, folder = scratch / "given.npz", scratch / "result.npz", scratch / "generated"
    arrays = {f"weight_{i}": weight for i, (weight, _) in enumerate(layers)}
    arrays |= {f"bias_{i}": bias for i, (_, bias) in enumerate(layers)}
    np.savez(
        given,
        layers=len(layers),
        total_bits=workload.TOTAL_BITS,
        frac_bits=workload.FRAC_BITS,
        inputs=inputs,
        **arrays,
    )
    subprocess.run([str(python), str(HERE / "peer_child.py"), str(given), str(folder), str(result)], check=True)
    data = np.load(result)
    return Generated(folder, data["outputs"], float(data["seconds"]))


def repair(generated: Path, folder: Path, rotation: bool) -> list[Path]:
    """Writes the repaired sources into ``folder``, in the order in which they compile.

    Args:
        generated: what the peer generated.
        folder: new.
        rotation: repairs the rotated inputs as well, not only what keeps the design from elaboration and synthesis.
    """
    folder.mkdir()
    written = []
    for path in sources(generated):
        text = path.read_text()
        if path.stem.endswith("_rom"):
            text = _replace(text, LATCH, NO_LATCH)
        elif path.stem.startswith("linear_"):
            text = _replace(text, NARROW, WIDE)
            if rotation:
                text = _replace(text, LATE, PROMPT)
                text = _replace(text, "y_reading : process (clock)", "y_reading : process (all)")
        written.append(folder / path.name)
        written[-1].write_text(text)
    return written


def _replace(text: str, old: str, new: str) -> str:
    if text.count(old) != 1:
        raise SystemExit(f"the peer's VHDL is not what it was: {old.strip()!r} occurs {text.count(old)} times")
    return text.replace(old, new)


def sources(generated: Path) -> list[Path]:
    """The files in the order in which they compile."""
    found = generated.rglob("*.vhd")
    return sorted(found, key=lambda path: (path.stem == "network", not path.stem.endswith("_rom"), path.stem))


def elaborates(generated: Path, folder: Path) -> bool:
    """Whether what the peer generated passes GHDL's elaboration."""
    folder.mkdir()
    subprocess.run(["ghdl", "-a", STANDARD, *map(str, sources(generated))], cwd=folder, check=True)
    command = ["ghdl", "-r", STANDARD, "network", "--stop-time=1ns"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


def simulate(vhdl: list[Path], inputs: Codes, folder: Path) -> Simulated:
    """Runs ``inputs`` one at a time, and the first few back to back as well."""
    folder.mkdir()
    bench = folder / "bench.vhd"
    bench.write_text((HERE / "peer_bench.vhd").read_text())
    subprocess.run(["ghdl", "-a", STANDARD, *map(str, vhdl), str(bench)], cwd=folder, check=True)
    outputs, starts, ends = _run(folder, inputs, GAPS["apart"])
    _, _, dense = _run(folder, inputs[:STEADY], GAPS["back to back"])
    cycles = {int(cycle) for cycle in ends - starts}
    intervals = {int(cycle) for cycle in np.diff(dense)}
    if len(cycles) != 1 or len(intervals) != 1:
        raise SystemExit(f"the peer's timing varies: {cycles}, {intervals}")
    return Simulated(outputs, cycles.pop(), intervals.pop())


def _run(folder: Path, inputs: Codes, gap: int) -> tuple[Codes, Codes, Codes]:
    width = workload.TOTAL_BITS
    mask = (1 << width) - 1
    fed = np.concatenate([np.repeat(inputs[:1], WARM_UP, axis=0), inputs])
    (folder / "vectors.txt").write_text("".join(f"{code & mask:0{width}b}\n" for code in fed.ravel().tolist()))
    command = ["ghdl", "-r", STANDARD, "bench", f"-gcount={len(fed)}", f"-ggap={gap}"]
    subprocess.run([*command, "--ieee-asserts=disable"], cwd=folder, check=True)
    starts, ends, outputs = [], [], []
    for line in (folder / "results.txt").read_text().splitlines()[WARM_UP:]:
        start, end, *words = line.split()
        starts.append(int(start))
        ends.append(int(end))
        outputs.append([_decode(word) for word in words])
    return np.array(outputs), np.array(starts), np.array(ends)


def _decode(word: str) -> int:
    if set(word) - {"0", "1"}:
        return UNDEFINED
    return int(word, 2) - (int(word[0]) << len(word))

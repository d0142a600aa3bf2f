"""The time of a training step as a ratio to plain float torch: creator and its peers, in turn, in one process.

Run it as ``python benchmarks/training_speed.py`` with the Python that creator is installed for; pip is needed once for the
peers, g++ for one of them. ``--device cuda`` needs torch on a GPU and no peers.

The networks are an MLP 16-64-32-32-5 and, on 1x28x28, a CNN of conv 3x3x16, conv 3x3x32 with stride 2 and linear 10, ReLU
between the layers, batch 256, one thread. A step is forward, cross entropy, backward, optimizer step and zero_grad. In every
round each system gets several turns; the ratio is that of the medians of one round, and the median and the quartiles of all
rounds are reported. Status 1 if creator is over its limits, or was not measured.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import peer
import training_child
import training_gpu
import training_report
from training_child import Record
from training_workload import BATCH, NETWORKS, OPTIMIZERS

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "training_peers.txt"
RESULT = HERE / "results" / "training_speed.md"
GPU_RESULT = RESULT.with_name("training_speed_cuda.md")
STEPS = {"MLP": 48, "CNN": 24}
ROUNDS = 15


def main() -> int:
    """Measures, prints, and writes the page if nothing was left out; 0 if creator was within its limits."""
    options = arguments()
    if options.device == "cuda":
        measured = training_gpu.run(options.rounds, options.batch)
        result, conditions = GPU_RESULT, f"channels_last, batch {options.batch}"
    else:
        measured = run(options)
        everything = options.peers and len(options.networks) == len(NETWORKS) and len(options.optimizers) == len(OPTIMIZERS)
        result, conditions = RESULT if everything else None, f"one thread, batch {BATCH}"
    judged = training_report.verdicts(measured)
    tables = training_report.terminal(measured, judged)
    print(json.dumps({**measured, "verdicts": judged}, indent=1) if options.json else tables)
    path = options.output or result
    if path:
        path.parent.mkdir(exist_ok=True)
        command = f"python benchmarks/training_speed.py{' --device cuda' if options.device == 'cuda' else ''}"
        # The C library's heap decides how often large tensors cost page faults; settings from outside are no secret.
        heap = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("MALLOC_")]
        conditions = ", ".join([conditions, f"{options.rounds} rounds", *heap])
        path.write_text(training_report.document(measured, judged, command, conditions))
    return 0 if all(one["passed"] for one in judged) else 1


def run(options: argparse.Namespace) -> Record:
    """The measurements on a CPU."""
    asked = {
        "rounds": options.rounds,
        "steps": {network: STEPS[network] for network in options.networks},
        "optimizers": options.optimizers,
        "peers": options.peers,
    }
    return run_with_peers(asked) if options.peers else training_child.run(asked)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="cuda: a ResNet-18, creator against float")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="at least 2 (default: %(default)s)")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS), help="default: all")
    parser.add_argument("--optimizers", nargs="+", choices=OPTIMIZERS, default=list(OPTIMIZERS), help="default: all")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="float torch and creator only, in this Python")
    parser.add_argument("--batch", type=int, default=256, help="images in a batch, cuda only (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON, every round's ratio in it")
    parser.add_argument("--output", type=Path, help=f"file to write (default: {RESULT.name}, if nothing is left out)")
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("--rounds must be at least 2")
    return options


def run_with_peers(asked: Record) -> Record:
    """Measures in the peers' virtual environment, with this checkout's creator."""
    python = peer.install()
    install(python)
    path = os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)])  # qtorch calls ninja
    environment = {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": str(HERE.parent),
        "TORCH_EXTENSIONS_DIR": str(peer.VENV / "extensions"),
        "TORCHAO_SKIP_LOADING_SO_FILES": "1",
    }
    with tempfile.TemporaryDirectory(prefix="creator-training-") as scratch:
        given, result = Path(scratch) / "given.json", Path(scratch) / "result.json"
        given.write_text(json.dumps(asked))
        subprocess.run([str(python), str(HERE / "training_child.py"), str(given), str(result)], env=environment, check=True)
        measured: Record = json.loads(result.read_text())
    return measured


def install(python: Path) -> None:
    """Adds the peers of this benchmark to the virtual environment; one that cannot be installed is left out."""
    text = REQUIREMENTS.read_text()
    stamp = peer.VENV / f".training-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    if stamp.is_file():
        return
    pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps"]
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    failed = [line for line in lines if subprocess.run([*pip, line], check=False).returncode]
    if failed:
        print(f"not installed, and so not measured: {', '.join(failed)}", file=sys.stderr)
    else:
        stamp.touch()


if __name__ == "__main__":
    sys.exit(main())

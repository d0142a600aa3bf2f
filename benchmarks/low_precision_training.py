"""How accurate training is with few bits: weights, activations and gradients of 8, 6, 4 and 3 bits on handwritten digits.

Every condition is trained from the same initial weights with the same batches, for several seeds; the accuracy is that of the
integers that hardware computes, on the test images. Prints tables; ``--write`` puts the tables into ``docs/training.md`` and
draws ``docs/low-precision-training.svg``, for which matplotlib is needed. Takes 15 minutes of processor time, in two processes.
Status 1 if training with 8 bits everywhere is not within one point of float32, or an integer differs from eval mode.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import low_precision_report as report
import torch
from low_precision_recipe import (
    CONDITIONS,
    EPOCHS,
    FLOAT,
    Records,
    float_record,
    quantized_record,
    trained,
    trained_float,
)

from creator.console import bar

BITS = (8, 6, 4, 3)
SEEDS = 8
FIRST_SEED = 10
"""The recipe was found with smaller ones."""

Job = tuple[str, int, int, int, bool]


def main() -> int:
    """Trains, or reads what was trained before; prints, and writes if asked; 0 if 8 bits are enough."""
    options = arguments()
    records = json.loads(options.read.read_text())["records"] if options.read else train(options)
    judged = report.verdicts(records)
    if options.json:
        print(json.dumps({"records": records, "verdicts": judged}, indent=1))
    else:
        print(report.terminal(records, judged))
    if options.write:
        report.write(records, "python benchmarks/low_precision_training.py --write")
    return 0 if judged and all(one["passed"] for one in judged) else 1


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [one.name for one in CONDITIONS]
    parser.add_argument("--bits", type=int, nargs="+", default=list(BITS), help="default: 8 6 4 3")
    parser.add_argument("--conditions", nargs="+", choices=names, default=names, metavar="NAME", help=f"of: {'; '.join(names)}")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="at least 2 (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="default: %(default)s")
    parser.add_argument("--last-batch", action="store_true", help="train on the batch of three images that is left over, too")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON, the accuracy of every seed in it")
    parser.add_argument("--read", type=Path, metavar="FILE", help="what --json printed, in place of training")
    parser.add_argument("--write", action="store_true", help="write the tables and the plot into docs/")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("--seeds must be at least 2")
    chosen = ("bits", "conditions", "seeds", "epochs", "last_batch")
    if options.write and any(getattr(options, name) != parser.get_default(name) for name in chosen):
        parser.error("--write needs the whole study")
    return options


def jobs(options: argparse.Namespace) -> Iterator[Job]:
    """Every training run."""
    for seed in range(FIRST_SEED, FIRST_SEED + options.seeds):
        yield FLOAT, 32, seed, options.epochs, options.last_batch
        for name in options.conditions:
            for bits in options.bits:
                yield name, bits, seed, options.epochs, options.last_batch


def train(options: argparse.Namespace) -> Records:
    """All of them, in as many processes as asked for; the result does not depend on how many."""
    todo = list(jobs(options))
    records: list[tuple[Job, dict[str, Any]]] = []
    begun = time.monotonic()
    with ProcessPoolExecutor(options.jobs, get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for done in as_completed([pool.submit(run, job) for job in todo]):
            records.append(done.result())
            figures = f"{len(records)}/{len(todo)} runs, {time.monotonic() - begun:.0f} s"
            if sys.stderr.isatty() or len(records) % 20 == 0 or len(records) == len(todo):
                print(f"\r  {bar(len(records), len(todo))} {figures}", end="" if sys.stderr.isatty() else "\n", file=sys.stderr)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    order = {job: index for index, job in enumerate(todo)}
    return [record for _, record in sorted(records, key=lambda one: order[one[0]])]


def run(job: Job) -> tuple[Job, dict[str, Any]]:
    """One training run, and what it was asked for."""
    name, bits, seed, epochs, last = job
    if name == FLOAT:
        result = float_record(trained_float(seed, epochs, last))
    else:
        condition = next(one for one in CONDITIONS if one.name == name)
        result = quantized_record(trained(condition, bits, seed, epochs, last))
    return job, {"condition": name, "bits": bits, "seed": seed, **result}


if __name__ == "__main__":
    sys.exit(main())

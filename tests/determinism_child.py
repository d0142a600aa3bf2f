"""Makes everything that creator writes for some networks, and prints its hashes as JSON; runs in a process of its own.

``python determinism_child.py FOLDER THREADS SHUFFLED``: builds and projects go into ``FOLDER``, relative to the working folder.
Where ``SHUFFLED`` is 1, folders are listed in reverse order.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def reverse_listings() -> None:
    """As if the file system had created its files in another order."""

    def reversed_order(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments, **options: sorted(function(*arguments, **options), reverse=True)

    os.listdir = reversed_order(os.listdir)
    Path.iterdir, Path.glob, Path.rglob = map(reversed_order, (Path.iterdir, Path.glob, Path.rglob))  # type: ignore[method-assign]


def networks() -> dict[str, Any]:
    """A name and a graph each: small layers, tables and normalisation; formats found from data and arbitrary scales; lanes."""
    import numpy as np
    import torch

    import creator
    from creator import FixedPoint, nn

    def filled(model: torch.nn.Module) -> torch.nn.Module:
        """The same weights with every version of torch and every number of threads."""
        rng = np.random.default_rng(7)
        with torch.no_grad():
            for tensor in model.parameters():
                tensor.copy_(torch.from_numpy(rng.uniform(-1, 1, tuple(tensor.shape))).float())
        return model.eval()

    f = FixedPoint
    layers = [nn.Linear(12, 9, weight=f(6, 4), output=f(8, 4)), nn.BatchNorm1d(9), nn.ReLU(), nn.Linear(9, 5), nn.Tanh(f(7, 6))]
    plain = filled(torch.nn.Sequential(nn.Quantize(f(8, 4)), *layers))
    wide = [nn.Linear(200, 40, weight=f(8, 4), output=f(8, 2)), nn.ReLU(), nn.Linear(40, 10)]
    floating = filled(torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, 4)))
    x = torch.from_numpy(np.random.default_rng(8).integers(-8, 8, (64, 8)) / 4).float()
    scaled = creator.prepare(floating, x[:1], creator.preparation.default_lsq_qconfig)
    creator.calibrate(scaled, [x])
    return {
        "plain": creator.trace(plain, 12),
        "wide": creator.trace(filled(torch.nn.Sequential(nn.Quantize(f(8, 4)), *wide)), 200),
        "scaled": creator.trace(creator.convert(scaled), 8),
    }


def tree(folder: Path) -> dict[str, bytes]:
    """Every file in a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def printed(*arguments: str) -> bytes:
    """What the command line prints to standard output."""
    from creator import cli

    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        assert cli.main(list(arguments)) == 0
    return text.getvalue().encode()


def outputs(folder: Path) -> dict[str, bytes]:
    """Everything that is written or printed, by name."""
    import creator

    found: dict[str, bytes] = {}
    for name, graph in networks().items():
        saved = folder / f"{name}.creator"
        graph.save(saved)
        found[f"{name}: saved graph"] = saved.read_bytes()
        found[f"{name}: text"] = graph.text().encode()
        for asked, target in (("serial", None), (512, None), (500, "ecp5-25k")):
            label = f"{name}, {asked}, {target}"
            design = creator.translate(graph, asked, target=target)
            build = design.write(folder / f"{name}-{asked}")
            found[f"{label}: order of files"] = "\n".join(design.files).encode()
            found[f"{label}: estimate"] = design.estimate.text().encode()
            found |= {f"{label}: {path}": content for path, content in tree(build).items()}
        for tool in ("vivado", "quartus", "fusesoc"):
            project = folder / f"{name}-{tool}"
            creator.export_project(build, project, tool=tool)
            found |= {f"{name}, {tool}: {path}": content for path, content in tree(project).items()}
        found[f"{name}: printed estimate"] = printed("estimate", str(saved), "--target", "ecp5-25k")
        found[f"{name}: estimate for programs"] = printed("estimate", str(saved), "--json")
    return found


def main() -> None:
    """Twice, into two folders; the second run must give what the first gave."""
    folder, threads, shuffled = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "1"
    if shuffled:
        reverse_listings()
    import torch

    import creator

    torch.set_num_threads(threads)
    runs = []
    for run in ("one", "two"):
        (folder / run).mkdir(parents=True)
        runs.append(outputs(folder / run))
    names = {name: [hashlib.sha256(run.get(name, b"?")).hexdigest() for run in runs] for name in sorted(runs[0] | runs[1])}
    marks = [text for text in sys.argv[4:] if any(text.encode() in content for run in runs for content in run.values())]
    print(json.dumps({"creator": creator.__file__, "outputs": names, "marks": marks}))


if __name__ == "__main__":
    main()

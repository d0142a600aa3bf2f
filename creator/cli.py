"""The command ``creator``: thin over the Python interface."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import creator
from creator.console import Progress, drop, stoppable, table, usable_streams
from creator.disk import write_file
from creator.errors import CheckFailedError, CreatorError, as_output_file, one_line

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130

EPILOG = """\
examples:
  creator translate digits.creator -o build
  creator translate model.py:make --weights w.safetensors --input-shape 64 -o build
  creator estimate digits.creator --parallelism 64
  creator translate digits.creator --target ecp5-25k -o build
  creator simulate build --inputs x.npy --stalls
  creator verify build --graph digits.creator
  creator synthesize build --target ecp5-25k --bitstream out.bit
  creator export build --tool vivado -o project
  creator doctor

exit status: 0 done, 1 the check failed (mismatch, timing), 2 the input was refused, 130 interrupted"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        self.exit(REFUSED, f"{self.prog}: {one_line(message)} (hint: {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="creator",
        description="From a PyTorch model to an FPGA, bit for bit.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"creator {creator.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, text: str, example: str) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name,
            help=text,
            description=text,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made.add_argument("--json", action="store_true", help="print the result as JSON")
        made.add_argument("--quiet", action="store_true", help="no progress on standard error")
        return made

    translate = command("translate", "make VHDL of a network", "creator translate digits.creator -o build")
    _add_model(translate)
    translate.add_argument("-o", "--output", required=True, metavar="FOLDER", help="the build folder to write")
    translate.add_argument("--name", default="network", help="prefix of all VHDL entities (default: network)")
    translate.set_defaults(run=_translate)

    estimate = command(
        "estimate", "what a network will take, before synthesis", "creator estimate digits.creator --target ecp5-25k"
    )
    _add_model(estimate)
    estimate.set_defaults(run=_estimate)

    simulate = command("simulate", "run the VHDL in GHDL and compare every output", "creator simulate build --stalls")
    simulate.add_argument("build", metavar="FOLDER", help="a build folder")
    simulate.add_argument(
        "--inputs", metavar="X.npy", help="integer codes, shape (batch, *input_shape); else seeded random ones"
    )
    simulate.add_argument(
        "--stalls",
        nargs="?",
        const="1",
        default="0",
        metavar="SEED|PROFILE",
        help="pauses on both sides, at random or by a profile such as alternating, bursts, most or slow-sink",
    )
    simulate.add_argument(
        "--bench", default="cocotb", choices=("cocotb", "vhdl"), help="cocotb checks the protocol, vhdl is faster"
    )
    simulate.add_argument("--waves", nargs="?", const="", metavar="FILE", help="write a waveform (default: FOLDER/waves.ghw)")
    simulate.add_argument("--outputs", metavar="Y.npy", help="write the output codes to a file")
    simulate.add_argument(
        "--self-test", action="store_true", help="sabotage copies of the build in many ways, and see that each is caught"
    )
    simulate.set_defaults(run=_simulate)

    verify = command(
        "verify", "whether a build is as it was generated, and from which graph", "creator verify build --graph digits.creator"
    )
    verify.add_argument("build", metavar="FOLDER", help="a build folder")
    verify.add_argument("--graph", metavar="SAVED", help="the saved graph that it should be generated from")
    verify.set_defaults(run=_verify)

    synthesize = command("synthesize", "synthesize, place and route", "creator synthesize build --target ecp5-25k")
    synthesize.add_argument("build", metavar="FOLDER", help="a build folder")
    targets = "ecp5-25k, ecp5-45k, ecp5-85k, ice40-up5k, lifcl-40, gw1n-9c, gw2a-18c, xc7, xc7a35t, xc7a100t"
    synthesize.add_argument("--target", default="ecp5-25k", metavar="T", help=targets)
    synthesize.add_argument(
        "--no-route", action="store_false", dest="route", help="count resources only, without place and route"
    )
    synthesize.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="place and route N times and keep the fastest (default 1)"
    )
    synthesize.add_argument("--bitstream", metavar="FILE", help="write a bitstream; its pins are where the router put them")
    synthesize.add_argument("--require-mhz", type=float, metavar="F", help="exit with 1 if the clock does not reach F MHz")
    synthesize.set_defaults(run=_synthesize)

    export = command("export", "make a project of another tool", "creator export build --tool vivado -o project")
    export.add_argument("build", metavar="FOLDER", help="a build folder")
    export.add_argument("--tool", required=True, metavar="T", help="vivado, quartus, fusesoc")
    export.add_argument("-o", "--output", required=True, metavar="FOLDER", help="the project folder to write")
    export.add_argument("--part", metavar="P", help="the device (default: a small Artix 7 or Cyclone V)")
    export.add_argument("--clock-mhz", type=float, default=100.0, metavar="F", help="clock to ask for (default: 100)")
    export.set_defaults(run=_export)

    doctor = command("doctor", "what is installed, what is missing, how to get it", "creator doctor")
    doctor.set_defaults(run=_doctor)
    return parser


def _add_model(command: argparse.ArgumentParser) -> None:
    """The arguments that name a model and choose how much of it is computed at once."""
    command.add_argument("model", metavar="MODEL", help="a saved graph, or file.py:factory, which returns the module")
    command.add_argument("--weights", metavar="FILE", help="a .safetensors state dict for the module")
    command.add_argument("--input-shape", metavar="N[,N...]", help="shape of one sample, for a module")
    command.add_argument(
        "--parallelism",
        metavar="P",
        help="serial: one multiplier a layer; full-lanes: a sample a cycle; N: at most N cycles a sample; FPS@MHZ: samples a "
        "second at a clock. Default: the fastest that fits in 80 %% of the target, serial without one",
    )
    command.add_argument("--target", metavar="T", help="a device, such as ecp5-25k")
    command.add_argument(
        "--lanes",
        action="append",
        default=[],
        metavar="PATH=IN,OUT",
        help="inputs and outputs a cycle of one layer",
    )
    packing = command.add_mutually_exclusive_group()
    packing.add_argument(
        "--packing",
        action="store_true",
        default=None,
        help="two products in a multiplier where they fit (default with a target)",
    )
    packing.add_argument("--no-packing", action="store_false", dest="packing", help="one product in each multiplier")
    command.add_argument(
        "--pipelining", action="store_true", help="more registers and a queue in every linear layer, for a faster clock"
    )


def _plan_options(options: argparse.Namespace) -> dict[str, Any]:
    """What the arguments of :func:`_add_model` mean for ``creator.translate`` and ``creator.estimate``."""
    lanes: dict[str, list[int]] = {}
    for text in options.lanes:
        path, _, numbers = text.rpartition("=")
        pair = numbers.split(",")
        if not path or not all(number.isascii() and number.isdigit() for number in pair):
            raise CreatorError(f"{text!r} is not PATH=IN,OUT", "--lanes", "for example --lanes encoder.0=4,2")
        if path in lanes:
            raise CreatorError(f"{path!r} has its lanes given twice", "--lanes")
        lanes[path] = [_number(number) for number in pair] * (3 - len(pair) if len(pair) < 3 else 1)
    parallelism = _parallelism(options.parallelism)
    given = {name: getattr(options, name) for name in ("target", "packing", "pipelining")}
    return {"parallelism": parallelism, "lanes": lanes, **given}


def _parallelism(text: str | None) -> Any:
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return _number(text)
    rate, at, clock = text.partition("@")
    if not at:
        return text
    try:
        return {"fps": float(rate), "clock_mhz": float(clock)}
    except ValueError:
        raise CreatorError(f"{text!r} is not FPS@MHZ", "--parallelism", "for example 1e6@100") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    with usable_streams(), stoppable():
        options = _parser().parse_args(arguments)
        try:
            status = int(options.run(options))
            sys.stdout.flush()
            return status
        except CreatorError as error:
            return _end(options, str(error), FAILED if isinstance(error, CheckFailedError) else REFUSED)
        except BrokenPipeError:  # whoever read the output has enough
            drop(sys.stdout)
            return DONE
        except OSError as error:
            return _end(options, _system_fault(error), REFUSED)
        except SystemExit:
            where = getattr(options, "model", options.command)
            return _end(options, str(CreatorError("its code ends the program", where, "leave out exit()")), REFUSED)
        except KeyboardInterrupt:
            return _end(options, "interrupted", INTERRUPTED)


def _end(options: argparse.Namespace, text: str, status: int) -> int:
    print(f"creator {options.command}: {text}", file=sys.stderr)
    return status


def _system_fault(error: OSError) -> str:
    """What the system refused, as a line; most often a disk is full, or the one that standard output goes to."""
    if not error.filename:
        drop(sys.stdout)  # which Python would else try to write to once more at its end, and complain
    return one_line(f"{error.filename or 'standard output, or a temporary file'}: {error.strerror or error}")


def _print(options: argparse.Namespace, title: str, rows: list[tuple[str, str]], summary: dict[str, Any]) -> None:
    print(json.dumps(summary, indent=2) if options.json else table(rows, title))


def _translate(options: argparse.Namespace) -> int:
    from creator.loading import load_model
    from creator.render.design import check_options
    from creator.render.fileset import as_folder, check_writable

    target = as_folder(options.output)
    check_writable(target)
    chosen = _plan_options(options)
    check_options(chosen["parallelism"], options.name)
    with Progress(quiet=options.quiet) as progress:
        progress(f"translating {options.model}")
        graph = load_model(options.model, options.weights, options.input_shape)
        design = creator.translate(graph, name=options.name, **chosen)
        design.write(target)
    if options.json:
        print(json.dumps(design.manifest, indent=2))
        return DONE
    print(design.estimate.text())
    if ".py:" in options.model and not options.weights:
        print("no --weights: the parameters are as the factory made them")
    print(f"{len(design.files)} files in {options.output}; next: creator simulate {options.output}")
    return DONE


def _estimate(options: argparse.Namespace) -> int:
    from creator.loading import load_model

    chosen = _plan_options(options)
    with Progress(quiet=options.quiet) as progress:
        progress(f"estimating {options.model}")
        found = creator.estimate(load_model(options.model, options.weights, options.input_shape), **chosen)
    print(json.dumps(found.summary(), indent=2) if options.json else found.text(), end="\n" if options.json else "")
    return DONE


def _self_test(options: argparse.Namespace) -> int:
    from creator.simulation.self_test import self_test

    for name, unset in (("inputs", None), ("outputs", None), ("waves", None), ("stalls", "0")):
        if getattr(options, name) != unset:
            raise CreatorError(f"--{name} cannot be given with it", "--self-test", "a self-test has vectors of its own")
    with Progress(quiet=options.quiet) as progress:
        progress(f"sabotaging copies of {options.build} with {options.bench}")
        found = self_test(options.build, bench=options.bench)
    print(json.dumps(found.summary(), indent=2) if options.json else found.text())
    return DONE if found.passed else FAILED


def _simulate(options: argparse.Namespace) -> int:
    if options.self_test:
        return _self_test(options)
    waves = str(Path(options.build) / "waves.ghw") if options.waves == "" else options.waves
    outputs = None if options.outputs is None else as_output_file(options.outputs)
    inputs = None if options.inputs is None else _read_array(options.inputs)
    with Progress(quiet=options.quiet) as progress:
        progress(f"simulating {options.build} with {options.bench}")
        run = creator.simulate(options.build, inputs, stalls=_stalls(options.stalls), bench=options.bench, waves=waves)
    if outputs is not None:
        _write_array(outputs, run.outputs)
    rows = [
        ("samples", f"{len(run.outputs)}"),
        ("outputs compared", f"{run.compared}"),
        ("mismatches", f"{run.mismatches}"),
        ("latency", "not measured with stalls" if run.latency is None else f"{run.latency} cycles"),
        ("interval", "not measured with stalls" if run.interval is None else f"{run.interval} cycles"),
        ("simulated", f"{run.cycles} cycles"),
    ]
    rows += [("first mismatch", str(run.first))] if run.first else []
    rows += [("edited since translation", ", ".join(run.edited))] if run.edited else []
    rows += [("waveform", waves)] if waves else []
    _print(options, "bit-exact" if run.passed else "NOT bit-exact", rows, run.summary())
    return DONE if run.passed else FAILED


def _verify(options: argparse.Namespace) -> int:
    with Progress(quiet=options.quiet) as progress:
        progress(f"verifying {options.build}")
        found = creator.verify(options.build, options.graph)
    _print(options, f"{options.build} is{'' if found.unchanged else ' NOT'} as generated", found.rows(), found.summary())
    if not found.unchanged:
        raise CreatorError(found.fault, options.build, "translate again")
    return DONE


def _stalls(text: str) -> int | str:
    return _number(text) if text.isascii() and text.isdigit() else text


def _number(digits: str) -> int:
    """A number of any length; one of more than 18 digits as the largest of 18, which is too large for anything."""
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= 18 else 10**18


def _synthesize(options: argparse.Namespace) -> int:
    from creator.targets import find_target

    if options.require_mhz is not None and not 0 < options.require_mhz < float("inf"):
        raise CreatorError(f"{options.require_mhz} is not a clock frequency", "--require-mhz")
    if options.require_mhz is not None and not options.route:
        raise CreatorError("without place and route there is no clock to require", "--require-mhz", "leave out --no-route")
    if options.require_mhz is not None and not find_target(options.target).router:
        raise CreatorError(f"{options.target} has no place and route, so no clock to require", "--require-mhz")
    with Progress(quiet=options.quiet) as progress:
        report = creator.synthesize(
            options.build,
            options.target,
            route=options.route,
            seeds=options.seeds,
            bitstream=options.bitstream,
            progress=progress,
        )
    rows = [*report.rows(), ("logs and report", report.folder)]
    rows += [("bitstream", report.bitstream)] if report.bitstream else []
    _print(options, f"{options.build} on {report.target}", rows, report.summary())
    if options.require_mhz is not None and (report.fmax_mhz or 0.0) < options.require_mhz:
        print(f"creator synthesize: fmax is {report.fmax_mhz:.1f} MHz, required are {options.require_mhz:g}", file=sys.stderr)
        return FAILED
    return DONE


def _export(options: argparse.Namespace) -> int:
    project = creator.export_project(
        options.build, options.output, tool=options.tool, part=options.part, clock_mhz=options.clock_mhz
    )
    rows = [
        ("start with", str(Path(options.output) / project.start)),
        ("top", project.top),
        ("part", project.part),
        ("clock", f"{project.clock_mhz:g} MHz"),
        ("VHDL files", str(len(project.sources))),
    ]
    rows += [("edited since translation", ", ".join(project.edited))] if project.edited else []
    _print(options, f"{options.build} for {project.tool}", rows, project.summary())
    return DONE


def _doctor(options: argparse.Namespace) -> int:
    from creator.doctor import examine

    findings = examine()
    rows = [(finding.name, finding.text) for finding in findings]
    _print(options, "creator doctor", rows, {finding.name: finding.summary() for finding in findings})
    return DONE if all(finding.found or not finding.required for finding in findings) else FAILED


def _read_array(path: str) -> Any:
    import numpy as np

    if not Path(path).is_file():
        raise CreatorError("there is no such file", path)
    try:
        with open(path, "rb") as file:
            return np.lib.format.read_array(file)  # which refuses objects unless told otherwise
    except Exception as error:  # noqa: BLE001 - numpy parses the header of any file, and lets its parser's errors out
        raise CreatorError(f"cannot be read as a .npy file: {error}", path, "write it with numpy.save") from None


def _write_array(path: Path, array: Any) -> None:
    import numpy as np

    content = io.BytesIO()
    np.save(content, array)
    write_file(path, content.getvalue())


if __name__ == "__main__":
    sys.exit(main())

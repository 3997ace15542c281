"""The `alignops` command: parses arguments, calls the package, prints the outcome.

A user's mistake is one sentence on stderr and exit code 2. Set ALIGNOPS_DEBUG=1 for the traceback.
Imports are inside the commands, so that each loads only what it uses.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from alignops import __version__
from alignops.extras import needs_train

if TYPE_CHECKING:
    from alignops.methods.common.method import Method


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message} (see {self.prog} --help)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    try:
        options = _parser().parse_args(arguments)
        with needs_train(f"alignops {options.command}"):
            options.run(options)
    except (ValueError, OSError, ImportError, NotImplementedError) as error:
        if os.environ.get("ALIGNOPS_DEBUG"):
            raise
        print(f"alignops: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("alignops: interrupted; the same command continues from here", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("alignops", description="Fine-grained image-text alignment.")
    parser.add_argument("--version", action="version", version=f"alignops {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    demo = command("demo", _demo, "train methods on drawn scenes, and compare them with their base")
    demo.add_argument("--out", type=Path, default=Path("runs/demo"), help="folder of the runs")
    demo.add_argument("--seed", type=int, default=0)
    demo.add_argument(
        "--base",
        default="words",
        help="what the base knows before sentences: words (default), places or places-of-three",
    )
    chosen = demo.add_mutually_exclusive_group()
    chosen.add_argument("--methods", nargs="+", default=["comalign"], metavar="METHOD")
    chosen.add_argument("--ablate", metavar="METHOD", help="compare a method with its ablations")
    for name, run, text in (
        ("train", _train, "train a method; METHOD --help lists its settings"),
        ("prepare", _prepare, "compute the features that training a method needs"),
    ):
        method = command(name, run, text)
        method.add_argument(
            "method", metavar="METHOD", help="clip, comalign, mosaiclip, powerclip or aahr"
        )
        method.add_argument("settings", nargs=argparse.REMAINDER, metavar="...")
    evaluate = command("evaluate", _evaluate, "measure a finished run on its test split")
    evaluate.add_argument("folder", type=Path, metavar="RUN")
    report = command("report", _report, "print the results of runs side by side")
    report.add_argument("folders", type=Path, nargs="+", metavar="RUN")
    _add_text(command("text", _text, "print what the trainers see in captions"))
    command("info", _info, "print versions, backends and CPU capability")
    return parser


def _add_text(text: argparse.ArgumentParser) -> None:
    text.add_argument(
        "captions", nargs="*", metavar="CAPTION", help="none: the lines of standard input"
    )
    text.add_argument("--vocabulary", type=Path, help="JSON file; default: the captions' words")
    text.add_argument("--positives", type=int, default=3, help="most parts of a caption")
    text.add_argument("--negatives", type=int, default=6, help="most hard negatives of these")
    text.add_argument("--seed", type=int, default=0)


def _demo(options: argparse.Namespace) -> None:
    from alignops.demo import DEMO_BASES, run_ablations, run_demo

    if options.base not in DEMO_BASES:
        raise ValueError(f"--base is {options.base!r}; expected one of {', '.join(DEMO_BASES)}")
    size = DEMO_BASES[options.base]
    if options.ablate:
        run_ablations(options.out, options.ablate, seed=options.seed, config=size)
    else:
        run_demo(options.out, seed=options.seed, methods=options.methods, config=size)


def _train(options: argparse.Namespace) -> None:
    from alignops.methods.results import evaluate_run, print_results

    method = _method(options.method)
    config, folder = _settings(options, method)
    run = method.train(config, folder)
    evaluate_run(run)
    print_results([run.folder])


def _prepare(options: argparse.Namespace) -> None:
    from alignops.methods.registry import METHODS

    method = _method(options.method)
    if method.prepare is None:
        able = ", ".join(name for name, other in METHODS.items() if other.prepare)
        raise ValueError(f"METHOD is {options.method!r}; expected one that prepares: {able}")
    config, _ = _settings(options, method)
    print(f"The features are in {method.prepare(config)}.")


def _evaluate(options: argparse.Namespace) -> None:
    from alignops.methods.results import evaluate_run, print_results
    from alignops.training import Run

    run = Run.load(options.folder)
    evaluate_run(run)
    print_results([run.folder])


def _report(options: argparse.Namespace) -> None:
    from alignops.methods.results import print_results

    print_results(options.folders)


def _text(options: argparse.Namespace) -> None:
    from alignops.text.describe import describe

    for line in describe(
        options.captions or [line.strip() for line in sys.stdin if line.strip()],
        vocabulary=options.vocabulary,
        positives=options.positives,
        negatives=options.negatives,
        seed=options.seed,
    ):
        print(line)


def _info(options: argparse.Namespace) -> None:
    import platform

    import torch

    import alignops

    built = alignops.build_info()
    library = (
        f"{built['cpu_capability']} variant, by {built['compiler']} against torch {built['torch']}"
        if built["loaded"]
        else f"none, ops run on plain torch: {built['reason']}"
    )
    try:
        import triton

        ops = "fgm, powerset, logsumexp, scan"
        cuda = f"by Triton {triton.__version__}: {ops}; others on plain torch"
    except ImportError:
        cuda = "none, as Triton is not installed"
    for name, fact in {
        "alignops": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "CPU kernels": library,
        "CUDA kernels": cuda,
    }.items():
        print(f"{name:<14}{fact}")


def _method(name: str) -> "Method[Any]":
    from alignops.methods.registry import METHODS

    if name not in METHODS:
        raise ValueError(f"METHOD is {name!r}; expected one of {', '.join(METHODS)}")
    return METHODS[name]


def _settings(options: argparse.Namespace, method: "Method[Any]") -> tuple[Any, Path]:
    """Read a method's configuration: defaults, then --config files, then dotted overrides."""
    from jsonargparse import ArgumentError, ArgumentParser

    parser = ArgumentParser(prog=f"alignops train {options.method}", exit_on_error=False)
    parser.add_argument("--config", action="config", help="YAML file of settings")
    parser.add_argument("--out", type=Path, default=Path("runs") / options.method)
    parser.add_class_arguments(method.config)
    try:
        values = parser.instantiate(parser.parse_args(options.settings))
    except ArgumentError as error:
        raise ValueError(str(error)) from error
    names = method.config.__dataclass_fields__
    return method.config(**{name: values[name] for name in names}), values.out


if __name__ == "__main__":
    sys.exit(main())

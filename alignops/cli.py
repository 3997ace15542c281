"""The `alignops` command: parses arguments, calls the package, prints the result.

A user's mistake gives one sentence on stderr and exit code 2; ALIGNOPS_DEBUG=1 adds the traceback.
Each command imports what it uses, so the others start fast.
"""

import argparse
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from alignops import __version__
from alignops.extras import needs_train

if TYPE_CHECKING:
    from alignops.methods.common.method import Method


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence; a misspelt name is put right."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{self._in_words(message)} (see {self.prog} --help)")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            parser = self._commands().get(options.command, self)
            wrong = next((word for word in unknown if word.startswith("-")), unknown[0])
            wrong = wrong.split("=")[0]
            near = _near(wrong, [name for a in parser._actions for name in a.option_strings])
            parser.error(f"{wrong} is no option{near}" if wrong[0] == "-" else f"{wrong} is unused")
        return options

    def _in_words(self, message: str) -> str:
        if found := re.match(r"argument (\S+): invalid choice: '(.*?)' ", message):
            commands = list(self._commands())
            near = _near(found[2], commands)
            return f"{found[1]} is {found[2]!r}; expected one of {', '.join(commands)}{near}"
        if found := re.match(r"argument (\S+): invalid int value: '(.*)'", message):
            return f"{found[1]} is {found[2]!r}; expected a whole number"
        return message

    def _commands(self) -> Mapping[str, argparse.ArgumentParser]:
        return next((a.choices for a in self._actions if isinstance(a.choices, dict)), {})


_MISTAKES = (ValueError, OSError, ImportError, NotImplementedError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    with _interrupts() as interrupts:
        try:
            options = _parser().parse_args(arguments)
            with needs_train(f"alignops {options.command}"):
                options.run(options)
        except (KeyboardInterrupt, Exception) as error:
            if interrupts or isinstance(error, KeyboardInterrupt):
                sentence = "alignops: interrupted; the same command continues from here"
                print(sentence, file=sys.stderr)
                return 130
            if not isinstance(error, _MISTAKES) or os.environ.get("ALIGNOPS_DEBUG"):
                raise
            print(f"alignops: {' '.join(str(error).split())}", file=sys.stderr)
            return 2
    return 0


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Note every Ctrl-C: an import that it interrupts may turn it into another error."""
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("alignops", description="Fine-grained image-text alignment.")
    parser.add_argument(
        "--version", action="version", version=f"alignops {__version__}", help="print the version"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        added.set_defaults(run=run)
        return added

    _add_demo(command("demo", _demo, "train methods on drawn scenes, beside their base"))
    _add_method(command("train", _train, "train a method; METHOD --help lists its settings"))
    _add_method(command("prepare", _prepare, "compute the features that training a method needs"))
    evaluate = command("evaluate", _evaluate, "measure a finished run on its test split")
    evaluate.add_argument("folder", type=Path, metavar="RUN", help="folder of the run")
    report = command("report", _report, "print the results of runs side by side")
    report.add_argument(
        "folders", type=Path, nargs="+", metavar="RUN", help="folder; what is no run is skipped"
    )
    _add_text(command("text", _text, "print what the trainers see in captions"))
    command("info", _info, "print versions, backends and CPU capability")
    return parser


def _add_demo(demo: argparse.ArgumentParser) -> None:
    demo.add_argument(
        "--out",
        type=Path,
        help="folder of the runs; default: runs/demo, with another base or seed in its name",
    )
    demo.add_argument("--seed", type=int, default=0, help="of scenes and weights; default: 0")
    demo.add_argument(
        "--base",
        default="words",
        help="what the base learns before sentences: words (default), places or places-of-three",
    )
    chosen = demo.add_mutually_exclusive_group()
    chosen.add_argument(
        "--methods",
        nargs="+",
        default=["comalign"],
        metavar="METHOD",
        help="what to train on the base; default: comalign",
    )
    chosen.add_argument("--ablate", metavar="METHOD", help="compare a method with its ablations")


def _add_method(command: argparse.ArgumentParser) -> None:
    names = "clip, comalign, mosaiclip, powerclip or aahr"
    command.add_argument("method", metavar="METHOD", help=names)
    settings = command.add_argument(
        "settings",
        nargs=argparse.REMAINDER,
        metavar="...",
        help="its settings, such as --config FILE, --out RUN, --loop.steps 500",
    )
    settings.required = False


def _add_text(text: argparse.ArgumentParser) -> None:
    text.add_argument(
        "captions", nargs="*", metavar="CAPTION", help="default: the lines of standard input"
    )
    text.add_argument("--vocabulary", type=Path, help="JSON file; default: the captions' words")
    text.add_argument("--positives", type=int, default=3, help="largest number of sub-graphs")
    text.add_argument("--negatives", type=int, default=6, help="largest number of hard negatives")
    text.add_argument("--seed", type=int, default=0, help="of what is drawn; default: 0")


def _demo(options: argparse.Namespace) -> None:
    from alignops.demo import DEMO_BASES, demo_folder, run_ablations, run_demo

    if options.base not in DEMO_BASES:
        raise ValueError(f"--base is {options.base!r}; expected one of {', '.join(DEMO_BASES)}")
    size = DEMO_BASES[options.base]
    folder = options.out or demo_folder(options.base, options.seed)
    if options.ablate:
        run_ablations(folder, options.ablate, seed=options.seed, config=size)
    else:
        run_demo(folder, seed=options.seed, methods=options.methods, config=size)


def _train(options: argparse.Namespace) -> None:
    from alignops.methods.results import evaluate_run, print_results

    method = _method(options.method)
    config, own = _settings(options, method)
    run = method.train(
        config,
        own["out"] or Path("runs") / options.method,
        overwrite=bool(own["overwrite"]),
        continue_from=own["continue_from"],
    )
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
    from alignops.methods.results import print_report

    print_report(options.folders)


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


def _settings(options: argparse.Namespace, method: "Method[Any]") -> tuple[Any, dict[str, Any]]:
    from alignops.training.config_arguments import read_arguments

    command = f"alignops {options.command} {options.method}"
    return read_arguments(method.config, options.settings, command=command)


def _near(wrong: str, names: Sequence[str]) -> str:
    near = get_close_matches(wrong, names, n=1)
    return f"; did you mean {near[0]}?" if near else ""


if __name__ == "__main__":
    sys.exit(main())

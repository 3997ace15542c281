"""The two commands of the demo: methods beside their base, and a method beside its ablations."""

from collections.abc import Sequence
from pathlib import Path

from alignops.demo.base import DemoConfig, Stage, train_base
from alignops.demo.methods import DEMO_METHODS
from alignops.methods.registry import METHODS
from alignops.methods.results import evaluate_run, print_results
from alignops.training import Run


def run_demo(
    folder: Path,
    *,
    seed: int = 0,
    methods: Sequence[str] = ("comalign",),
    config: DemoConfig | None = None,
) -> None:
    """Train base and methods, measure, and print the table; an interrupted demo continues.

    Args:
        folder: of the runs `words`, `base` and one for each method.
        seed: of scenes and weights.
        methods: names in `DEMO_METHODS`.
        config: how much of everything.

    Raises:
        ValueError: a method is unknown.
    """
    for name in methods:
        _check(name)
    stage = Stage(folder, seed, config or DemoConfig())
    runs = [train_base(stage)]
    for name in methods:
        settings = DEMO_METHODS[name].configure(stage)
        runs.append(METHODS[name].train(settings, folder / name, f"{name} on the base"))
    _measure(runs)


def run_ablations(
    folder: Path, method: str, *, seed: int = 0, config: DemoConfig | None = None
) -> None:
    """Train a method of the demo without each of its parts, and print the table.

    Args:
        folder: as for `run_demo`, whose runs are taken up; an ablation's run is called
            `METHOD-ABLATION`.
        method: a name in `DEMO_METHODS` that has ablations.
        seed: of scenes and weights.
        config: how much of everything.

    Raises:
        ValueError: the method is unknown or has no ablations.
    """
    _check(method)
    chosen = DEMO_METHODS[method]
    if not chosen.ablations:
        raise ValueError(f"method is {method!r}; expected one that has ablations")
    stage = Stage(folder, seed, config or DemoConfig())
    train_base(stage)
    clip, full = DEMO_METHODS["clip"].configure(stage), chosen.configure(stage)
    runs = [
        METHODS["clip"].train(clip, folder / "clip", "clip on the base"),
        METHODS[method].train(full, folder / method, f"{method} on the base"),
    ]
    for name, change in chosen.ablations.items():
        title = f"{method}-{name}"
        runs.append(METHODS[method].train(change(full), folder / title, title))
    _measure(runs)


def _check(method: str) -> None:
    if method not in DEMO_METHODS:
        raise ValueError(f"method is {method!r}; expected one of {', '.join(DEMO_METHODS)}")


def _measure(runs: Sequence[Run]) -> None:
    for run in runs:
        evaluate_run(run)
    print_results([run.folder for run in runs])

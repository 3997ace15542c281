"""What every training goes through, from an empty folder to a saved model."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from alignops.data import PairedDataset, Splits
from alignops.data.summary import summarise
from alignops.training.checkpoint import load_weights
from alignops.training.config import TrainingConfig
from alignops.training.config_values import to_values
from alignops.training.differences import describe, differences
from alignops.training.disk import explaining_full_disk
from alignops.training.finite_guard import NotFiniteError
from alignops.training.lock import RunLock
from alignops.training.loop import Examples, train
from alignops.training.run import Run

Config = TypeVar("Config", bound=TrainingConfig)

# What the meaning of a run's weights depends on, such as the words of a tokenizer. Other data are
# trained on from the model, which keeps its words, rather than from the run.
_KEPT = ("data", "model", "base")


@dataclass(frozen=True)
class Recipe:
    """What is trained, on what, and what is kept of it.

    Attributes:
        objective: maps a batch to its loss terms, see `train`.
        examples: training items.
        collate: items to a batch of tensors.
        save: writes the trained model as `Run.model`.
        data: where the examples come from, and what is held out.
    """

    objective: nn.Module
    examples: Examples
    collate: Callable[[list[Any]], Any]
    save: Callable[[Run], None]
    data: Splits[PairedDataset]


def fit(
    method: str,
    config: Config,
    recipe: Callable[[Config], Recipe],
    folder: Path,
    title: str | None = None,
    *,
    overwrite: bool = False,
    continue_from: Path | None = None,
) -> Run:
    """Train into a run folder, or take up a training that was interrupted.

    A run that is finished is left as it is, and nothing is opened for it, unless more steps are
    asked for.

    Args:
        method: name of the method, kept with the configuration.
        config: settings of the method.
        recipe: opens data and model.
        folder: of the run.
        title: what the progress bar says; None = the method's name.
        overwrite: begin an unfinished run anew.
        continue_from: folder of a run of the same method, data and model; its newest weights are
            the first ones of this run, whose optimizer and schedule begin anew.

    Raises:
        FileExistsError: the folder holds another run.
        FileNotFoundError: something that the configuration names is missing.
        BlockingIOError: another process trains in the folder.
        ValueError: the configuration, the model or the data do not fit.
        OSError: the disk is full.
        Interrupted: as `train`.
    """
    Run(folder).require_own_folder()
    values = to_values(config)
    if continue_from is not None:
        _require_continuable(continue_from, folder, method, values)
    with RunLock(folder):
        run = Run.open(folder, method, values, overwrite=overwrite, continue_from=continue_from)
        if not run.model.is_dir():
            _train(run, config, recipe(config), title or method, continue_from)
    return run


def _train(
    run: Run, config: TrainingConfig, made: Recipe, title: str, continue_from: Path | None
) -> None:
    summary = summarise(made.data)
    run.keep_data(summary.values())
    print(summary, file=sys.stderr, flush=True)
    if continue_from is not None and not run.checkpoints.exists():
        step = load_weights(Run(continue_from).checkpoints, made.objective)
        print(f"The first weights are those of {continue_from} after step {step}.", file=sys.stderr)
    try:
        train(
            made.objective,
            made.examples,
            made.collate,
            run,
            config.loop,
            config.optimizer,
            title,
        )
    except NotFiniteError as error:
        run.keep_divergence(error)
        raise
    with explaining_full_disk(run.model):
        made.save(run)


def _require_continuable(source: Path, folder: Path, method: str, values: dict[str, Any]) -> None:
    """Refuse a run whose weights would not mean the same in this one."""
    held = Run.load(source)
    if source.resolve() == folder.resolve():
        raise ValueError(
            f"continue_from is {source}, the folder that is trained into; expected another run"
        )
    if held.method != method:
        raise ValueError(f"continue_from is a run of {held.method}; expected one of {method}")
    if not held.checkpoints.is_dir() or not any(held.checkpoints.glob("step_*")):
        raise FileNotFoundError(f"continue_from is {source}; expected a run with checkpoints")
    pairs = ({name: one.get(name) for name in _KEPT} for one in (held.settings, values))
    if changed := differences(*pairs):
        raise ValueError(
            f"continue_from is a run of other data or another model: {describe(changed)}; give "
            f"the same, or train from {held.model} as model.name or base.name"
        )

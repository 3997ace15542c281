"""What every training goes through, from an empty folder to a saved model."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from alignops.training.config import TrainingConfig
from alignops.training.config_values import to_values
from alignops.training.loop import Examples, train
from alignops.training.run import Run

Config = TypeVar("Config", bound=TrainingConfig)


@dataclass(frozen=True)
class Recipe:
    """What is trained, on what, and what is kept of it.

    Attributes:
        objective: maps a batch to its loss terms, see `train`.
        examples: training items.
        collate: items to a batch of tensors.
        save: writes the trained model as `Run.model`.
    """

    objective: nn.Module
    examples: Examples
    collate: Callable[[list[Any]], Any]
    save: Callable[[Run], None]


def fit(
    method: str,
    config: Config,
    recipe: Callable[[Config], Recipe],
    folder: Path,
    title: str | None = None,
) -> Run:
    """Train into a run folder, or take up a training that was interrupted.

    A run that is finished is left as it is; nothing is opened for it.

    Args:
        method: name of the method, kept with the configuration.
        config: settings of the method.
        recipe: opens data and model.
        folder: of the run.
        title: what the progress bar says; None = the method's name.

    Raises:
        FileExistsError: the folder holds another run.
        FileNotFoundError: something that the configuration names is missing.
        ValueError: the configuration, the model or the data do not fit.
        Interrupted: as `train`.
    """
    run = Run.open(folder, method, to_values(config))
    if run.model.is_dir():
        return run
    made = recipe(config)
    train(
        made.objective,
        made.examples,
        made.collate,
        run,
        config.loop,
        config.optimizer,
        title or method,
    )
    made.save(run)
    return run

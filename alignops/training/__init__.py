"""The one training loop of all methods: configuration, checkpoints, log."""

from alignops.training.config import LoopConfig, OptimizerConfig, TrainingConfig
from alignops.training.fit import Recipe, fit
from alignops.training.interruption import Interrupted
from alignops.training.loop import Examples, train
from alignops.training.run import Run
from alignops.training.sampler import Example

__all__ = [
    "Example",
    "Examples",
    "Interrupted",
    "LoopConfig",
    "OptimizerConfig",
    "Recipe",
    "Run",
    "TrainingConfig",
    "fit",
    "train",
]

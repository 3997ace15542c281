"""What a method is to the command, the demo and the evaluation."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from alignops.methods.common.pairs import MethodConfig
from alignops.methods.common.scorer import Scorer
from alignops.training import Recipe, Run, fit
from alignops.training.config_values import from_values

Config = TypeVar("Config", bound=MethodConfig)


@dataclass(frozen=True)
class Method(Generic[Config]):
    """A method by what it does with its configuration.

    Attributes:
        name: on the command line, and in a run's configuration.
        config: dataclass of its settings.
        recipe: opens data and model, and says what is trained on what.
        scorer: makes the scorer, from settings and the folder of a finished model.
        prepare: computes ahead what training needs, and gives the folder where it lies; None where
            training needs nothing but the images.
    """

    name: str
    config: type[Config]
    recipe: Callable[[Config], Recipe]
    scorer: Callable[[Config, Path], Scorer]
    prepare: Callable[[Config], Path] | None = None

    def train(self, config: Config, folder: Path, title: str | None = None) -> Run:
        """Train into a run folder, or take up a training that was interrupted; see `fit`."""
        return fit(self.name, config, self.recipe, folder, title)

    def load(self, run: Run) -> Scorer:
        """Load the scorer of a finished run.

        Raises:
            FileNotFoundError: the run is not finished, or something that it stands on is gone.
        """
        model = run.finished_model()
        return self.scorer(from_values(self.config, run.settings), model)

"""Registry of methods by name, for the command line."""

from typing import Any

from alignops.methods.aahr import AAHR
from alignops.methods.clip import CLIP
from alignops.methods.comalign import COMALIGN
from alignops.methods.common.method import Method
from alignops.methods.common.scorer import Scorer
from alignops.methods.mosaiclip import MOSAICLIP
from alignops.methods.powerclip import POWERCLIP
from alignops.training import Run

METHODS: dict[str, Method[Any]] = {
    method.name: method for method in (CLIP, COMALIGN, MOSAICLIP, POWERCLIP, AAHR)
}
"""Name to method."""


def load_scorer(run: Run) -> Scorer:
    """Load the scorer of a finished run of any method.

    Raises:
        FileNotFoundError: the run is not finished.
        ValueError: its method is unknown.
    """
    if run.method not in METHODS:
        raise ValueError(
            f"{run.folder} is a run of {run.method!r}; expected one of {', '.join(METHODS)}"
        )
    return METHODS[run.method].load(run)

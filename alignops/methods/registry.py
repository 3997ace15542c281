"""The methods by name, for whoever does not know at writing time which one it is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignops.methods.aahr import AahrConfig, load_aahr, prepare_aahr, train_aahr
from alignops.methods.clip import ClipConfig, load_clip, train_clip
from alignops.methods.comalign import (
    ComAlignConfig,
    load_comalign,
    prepare_comalign,
    train_comalign,
)
from alignops.methods.mosaiclip import MosaiClipConfig, load_mosaiclip, train_mosaiclip
from alignops.methods.powerclip import PowerClipConfig, load_powerclip, train_powerclip
from alignops.methods.scorer import Scorer
from alignops.training import Run


@dataclass(frozen=True)
class Method:
    """What the command needs of a method.

    Attributes:
        config: dataclass of its settings.
        train: trains into a run folder.
        load: gives the scorer of a finished run.
        prepare: computes the features that training needs; None where it needs none.
    """

    config: type[Any]
    train: Callable[[Any, Path], Run]
    load: Callable[[Run], Scorer]
    prepare: Callable[[Any], None] | None = None


METHODS = {
    "clip": Method(ClipConfig, train_clip, load_clip),
    "comalign": Method(ComAlignConfig, train_comalign, load_comalign, prepare_comalign),
    "mosaiclip": Method(MosaiClipConfig, train_mosaiclip, load_mosaiclip),
    "powerclip": Method(PowerClipConfig, train_powerclip, load_powerclip),
    "aahr": Method(AahrConfig, train_aahr, load_aahr, prepare_aahr),
}
"""Name to method."""


def load_scorer(run: Run) -> Scorer:
    """Load the scorer of a finished run of any method.

    Raises:
        FileNotFoundError: the run is not finished.
        ValueError: its method is unknown.
    """
    if run.method not in METHODS:
        raise ValueError(f"{run.folder} is a run of {run.method!r}, not of {', '.join(METHODS)}")
    return METHODS[run.method].load(run)

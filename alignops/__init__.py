"""Fused ops and thin trainers for fine-grained image-text alignment.

The ops are here. The subpackages (`alignops.losses`, `alignops.models`, ...) load on first use; all
but `losses` need the packages of `pip install "alignops[train]"`.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignops.extras import needs_train

if TYPE_CHECKING:
    from alignops import data as data
    from alignops import evaluation as evaluation
    from alignops import losses as losses
    from alignops import methods as methods
    from alignops import models as models
    from alignops import text as text
    from alignops import training as training
    from alignops import vision as vision
    from alignops.library import build_info
    from alignops.ops import (
        FgmSimilarity,
        PowersetSimilarity,
        ScanSimilarity,
        SimilarityLogsumexp,
        exact_powerset_similarity,
        fgm_similarity,
        multi_positive_contrastive_loss,
        powerset_similarity,
        scan_similarity,
        similarity_logsumexp,
    )

__version__ = "0.1.0"

__all__ = [
    "FgmSimilarity",
    "PowersetSimilarity",
    "ScanSimilarity",
    "SimilarityLogsumexp",
    "build_info",
    "exact_powerset_similarity",
    "fgm_similarity",
    "multi_positive_contrastive_loss",
    "powerset_similarity",
    "scan_similarity",
    "similarity_logsumexp",
]

_SUBPACKAGES = (
    "data",
    "evaluation",
    "losses",
    "methods",
    "models",
    "text",
    "training",
    "vision",
)


def __getattr__(name: str) -> Any:
    if name in __all__:
        _load_ops()
        return globals()[name]
    if name not in _SUBPACKAGES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with needs_train(f"{__name__}.{name}"):
        return import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBPACKAGES})


def _load_ops() -> None:
    rooms = import_module(f"{__name__}.library"), import_module(f"{__name__}.ops")
    for name in __all__:
        globals()[name] = next(getattr(room, name) for room in rooms if hasattr(room, name))


def _is_command() -> bool:
    """Whether this process is the `alignops` command, which prints its help without torch."""
    return Path(next(iter(sys.argv), "")).stem == "alignops"


if not _is_command():
    _load_ops()

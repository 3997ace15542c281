"""Fused ops and thin trainers for fine-grained image-text alignment.

The ops are here. The subpackages (`alignops.losses`, `alignops.models`, ...) are loaded by their
first use; all but `losses` take packages of `pip install "alignops[train]"`.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from alignops.extras import needs_train
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

if TYPE_CHECKING:
    from alignops import data as data
    from alignops import evaluation as evaluation
    from alignops import losses as losses
    from alignops import methods as methods
    from alignops import models as models
    from alignops import text as text
    from alignops import training as training
    from alignops import vision as vision

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


def __getattr__(name: str) -> ModuleType:
    if name not in _SUBPACKAGES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with needs_train(f"{__name__}.{name}"):
        return import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBPACKAGES})

"""Fused ops and thin trainers for fine-grained image-text alignment.

The ops are here; trainers and their parts are in the subpackages (`alignops.losses`,
`alignops.methods`, ...), which load their own dependencies when they are imported.
"""

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

"""The public functions: each checks its arguments and calls `torch.ops.alignops.<name>`."""

from alignops.ops.contrastive import multi_positive_contrastive_loss
from alignops.ops.exact_powerset import exact_powerset_similarity
from alignops.ops.fgm import FgmSimilarity, fgm_similarity
from alignops.ops.logsumexp import SimilarityLogsumexp, similarity_logsumexp
from alignops.ops.powerset import PowersetSimilarity, powerset_similarity
from alignops.ops.registration import backend
from alignops.ops.scan import ScanSimilarity, scan_similarity

__all__ = [
    "FgmSimilarity",
    "PowersetSimilarity",
    "ScanSimilarity",
    "SimilarityLogsumexp",
    "backend",
    "exact_powerset_similarity",
    "fgm_similarity",
    "multi_positive_contrastive_loss",
    "powerset_similarity",
    "scan_similarity",
    "similarity_logsumexp",
]

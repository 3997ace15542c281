"""Evaluation of image-text alignment: retrieval, compositional benchmarks, tables."""

from alignops.evaluation.accuracy import Accuracy
from alignops.evaluation.compositional import (
    CompositionalCase,
    accuracy_by_kind,
    load_sugar_crepe,
)
from alignops.evaluation.matches import MatchResult, evaluate_eccv_caption, match_all
from alignops.evaluation.retrieval import (
    RetrievalResult,
    binary_choice,
    recall_at_k,
    recall_over_folds,
)
from alignops.evaluation.table import as_markdown, as_table, read_json, write_json

__all__ = [
    "Accuracy",
    "CompositionalCase",
    "MatchResult",
    "RetrievalResult",
    "accuracy_by_kind",
    "as_markdown",
    "as_table",
    "binary_choice",
    "evaluate_eccv_caption",
    "load_sugar_crepe",
    "match_all",
    "read_json",
    "recall_at_k",
    "recall_over_folds",
    "write_json",
]

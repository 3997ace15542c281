"""How well a model aligns images and texts: retrieval, compositional benchmarks, reports."""

from alignops.evaluation.accuracy import Accuracy
from alignops.evaluation.compositional import (
    CompositionalCase,
    accuracy_by_kind,
    load_sugar_crepe,
)
from alignops.evaluation.report import as_markdown, as_table, read_json, write_json
from alignops.evaluation.retrieval import (
    RetrievalResult,
    binary_choice,
    recall_at_k,
    recall_over_folds,
)

__all__ = [
    "Accuracy",
    "CompositionalCase",
    "RetrievalResult",
    "accuracy_by_kind",
    "as_markdown",
    "as_table",
    "binary_choice",
    "load_sugar_crepe",
    "read_json",
    "recall_at_k",
    "recall_over_folds",
    "write_json",
]

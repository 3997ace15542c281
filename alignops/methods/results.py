"""Results of a run: measured on its test split, kept in its folder, printed beside others."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from torch import Tensor

from alignops.evaluation import (
    Accuracy,
    RetrievalResult,
    accuracy_by_kind,
    as_table,
    read_json,
    recall_at_k,
    recall_over_folds,
    write_json,
)
from alignops.methods.common.captions import CaptionTable, distinct_texts
from alignops.methods.common.pairs import DataConfig, open_pairs
from alignops.methods.common.scorer import Similarities
from alignops.methods.registry import load_scorer
from alignops.training import Run
from alignops.training.config_values import from_values

# COCO's test images, which the literature also reports as the mean of five folds of 1,000.
_COCO_TEST = 5000


def evaluate_run(run: Run) -> None:
    """Measure a finished run on the test split of its data; the results go to its folder.

    Retrieval both ways; on scenes also the share of compositional pairs whose true caption scores
    higher than the false one.

    Raises:
        FileNotFoundError: the run is not finished, or its data are gone.
    """
    scorer = load_scorer(run)
    config = from_values(DataConfig, run.settings["data"])
    images = open_pairs(config).test
    table = CaptionTable(images.captions)
    cases = [
        (kind.replace("_", " "), *pair)
        for kind, pairs in images.compositional_pairs(config.seed).items()
        for pair in pairs
    ]
    tested = [text for _, _, true, false in cases for text in (true, false)]
    texts, columns = distinct_texts([*table.texts, *tested])
    score = scorer.similarities(images, texts)

    own, others = columns[: len(table.texts)], columns[len(table.texts) :]
    results = _recalls(Similarities(score.i2t[:, own], score.t2i[:, own]), table.image_index)
    if cases:
        kinds, rows = [kind for kind, *_ in cases], [image for _, image, *_ in cases]
        true_scores, false_scores = score.i2t[rows, others[::2]], score.i2t[rows, others[1::2]]
        results |= accuracy_by_kind(true_scores, false_scores, kinds)
    write_json({run.folder.name: results}, run.results)


def read_results(folder: Path) -> Mapping[str, Accuracy]:
    """Read what `evaluate_run` measured.

    Raises:
        FileNotFoundError: the folder holds no run, or one that is not finished or not measured yet.
        ValueError: the results are damaged.
    """
    run = Run.load(folder)
    run.finished_model()
    if not run.results.is_file():
        raise FileNotFoundError(
            f"{folder} was not measured yet; `alignops evaluate` measures a run"
        )
    return next(iter(read_json(run.results).values()))


def print_report(folders: Sequence[Path]) -> None:
    """Print the results of the finished runs among folders, and say which were skipped and why.

    Raises:
        FileNotFoundError: none is a finished run that was measured.
        ValueError: the results of one are damaged.
    """
    measured, skipped = [], []
    for folder in folders:
        try:
            read_results(folder)
        except FileNotFoundError as error:
            skipped.append(str(error))
        else:
            measured.append(folder)
    if not measured:
        raise FileNotFoundError("; ".join(skipped))
    print_results(measured)
    for reason in skipped:
        print(f"Skipped: {reason}.", file=sys.stderr)


def print_results(folders: Sequence[Path]) -> None:
    """Print the results of runs side by side, and say where the runs are.

    Raises:
        FileNotFoundError: a run was not measured yet.
        ValueError: the results of one are damaged.
    """
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        names = [str(folder) for folder in folders]
    console = Console()
    results = {name: read_results(folder) for name, folder in zip(names, folders, strict=True)}
    table = as_table(results)
    # A wide table overflows the terminal rather than truncating numbers.
    width = max(console.width, console.measure(table).minimum)
    console.print(table, width=width, crop=False)
    for name, folder in zip(names, folders, strict=True):
        console.print(f"{name}: {folder.resolve()}", soft_wrap=True, highlight=False)


def _recalls(score: Similarities, image_index: Tensor) -> dict[str, Accuracy]:
    """Recalls of both directions, each from the score that is meant for it."""
    recalls = _both_ways(recall_at_k, score, image_index)
    if len(score.i2t) == _COCO_TEST:
        folds = _both_ways(recall_over_folds, score, image_index)
        recalls |= {f"{name}, folds of 1K": recall for name, recall in folds.items()}
    return recalls


def _both_ways(
    measure: Callable[..., RetrievalResult], score: Similarities, image_index: Tensor
) -> dict[str, Accuracy]:
    to_text = measure(score.i2t, image_index, ks=(1, 5)).accuracies()
    to_image = measure(score.t2i, image_index, ks=(1, 5)).accuracies()
    return {
        name: (to_text if name.startswith("image to text") else to_image)[name] for name in to_text
    }

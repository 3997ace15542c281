"""Results of a run: measured on its test split, kept in its folder, printed beside others."""

from collections.abc import Sequence
from typing import Any, get_args

import torch
from rich.console import Console
from rich.table import Column, Table
from torch import Tensor

from alignops.data import SceneDataset, compositional_pairs
from alignops.data.scenes import CompositionalKind
from alignops.evaluation.retrieval import binary_choice, recall_at_k
from alignops.methods.data import DataConfig, open_pairs
from alignops.methods.registry import load_scorer
from alignops.training import Run
from alignops.training.config_values import from_values


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
    pairs = {
        kind: compositional_pairs(images.scenes, kind, config.seed)
        for kind in get_args(CompositionalKind)
        if isinstance(images, SceneDataset)
    }
    captions = [text for texts in images.captions for text in texts]
    owners = [image for image, texts in enumerate(images.captions) for _ in texts]
    false = [pair.false_caption for kind in pairs.values() for pair in kind]
    column = {text: index for index, text in enumerate(dict.fromkeys(captions + false))}
    score = scorer.similarities(images, list(column))

    order = torch.tensor([column[text] for text in captions])
    results = _retrieval(score.i2t[:, order], score.t2i[:, order], torch.tensor(owners))
    for kind, tested in pairs.items():
        scene = [pair.scene for pair in tested]
        true = score.i2t[scene, [column[pair.true_caption] for pair in tested]]
        wrong = score.i2t[scene, [column[pair.false_caption] for pair in tested]]
        results[kind] = {"accuracy": binary_choice(true, wrong), "cases": len(tested)}
    run.add_results(results)


def print_results(runs: Sequence[Run], console: Console | None = None) -> None:
    """Print the results of runs side by side, in percent, with the number of test cases."""
    table = Table("percent", Column("cases", justify="right"))
    for run in runs:
        table.add_column(run.folder.name, justify="right")
    measured = [run.results for run in runs]
    for name in dict.fromkeys(name for results in measured for name in results):
        cells = [results.get(name) for results in measured]
        cases = next(cell["cases"] for cell in cells if cell)
        values = (f"{100 * cell['accuracy']:.1f}" if cell else "" for cell in cells)
        table.add_row(name, str(cases), *values)
    console = console or Console()
    console.print(table)
    for run in runs:
        console.print(f"{run.folder.name}: {run.folder.resolve()}", soft_wrap=True)


def _retrieval(i2t: Tensor, t2i: Tensor, owners: Tensor) -> dict[str, Any]:
    to_text = recall_at_k(i2t, owners).image_to_text
    to_image = recall_at_k(t2i, owners).text_to_image
    results = {}
    for k in (1, 5):
        results[f"image to text R@{k}"] = {"accuracy": to_text[k], "cases": len(i2t)}
        results[f"text to image R@{k}"] = {"accuracy": to_image[k], "cases": len(owners)}
    return results

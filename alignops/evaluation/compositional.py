"""Compositional benchmarks: a true caption against one that differs in a single respect."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from alignops.evaluation.accuracy import Accuracy
from alignops.evaluation.retrieval import binary_choice

SUGAR_CREPE_KINDS = (
    "add_att",
    "add_obj",
    "replace_att",
    "replace_obj",
    "replace_rel",
    "swap_att",
    "swap_obj",
)


@dataclass(frozen=True, slots=True)
class CompositionalCase:
    """One image with a true and a false caption.

    Attributes:
        kind: what the false caption changes, such as "swap_att".
        image: path of the image.
        true_caption: a caption that describes the image.
        false_caption: a caption that does not.
    """

    kind: str
    image: Path
    true_caption: str
    false_caption: str


def accuracy_by_kind(
    true_scores: Tensor, false_scores: Tensor, kinds: Sequence[str]
) -> dict[str, Accuracy]:
    """Compute `binary_choice` for each kind of test case, in order of first appearance.

    Args:
        true_scores: (cases,) scores of the true captions.
        false_scores: (cases,) scores of the false captions.
        kinds: the kind of each case.

    Raises:
        ValueError: as `binary_choice`, or if there is not one kind per case.
    """
    if len(kinds) != len(true_scores):
        raise ValueError(
            f"kinds has {len(kinds)} entries; expected {len(true_scores)}, one per case"
        )
    binary_choice(true_scores, false_scores)
    accuracies = {}
    for kind in dict.fromkeys(kinds):
        cases = torch.tensor([index for index, other in enumerate(kinds) if other == kind])
        cases = cases.to(true_scores.device)
        share = binary_choice(true_scores[cases], false_scores[cases])
        accuracies[kind] = Accuracy(share, len(cases))
    return accuracies


def load_sugar_crepe(folder: Path | str, images: Path | str) -> list[CompositionalCase]:
    """Read SugarCrepe (Hsieh et al., NeurIPS 2023, arXiv 2306.14610), all seven kinds.

    Args:
        folder: holds "add_att.json" to "swap_obj.json", each
            {"0": {"filename": ..., "caption": ..., "negative_caption": ...}, ...}.
        images: folder of COCO val2017. No image is opened.

    Returns:
        The cases by kind, then in the order of the file.

    Raises:
        FileNotFoundError: if one of the seven files is missing.
        ValueError: if a file is not of this form.
    """
    cases = []
    for kind in SUGAR_CREPE_KINDS:
        path = Path(folder) / f"{kind}.json"
        if not path.is_file():
            raise FileNotFoundError(f"folder must hold the seven SugarCrepe files, no {path}")
        cases += _read_sugar_crepe(path, kind, Path(images))
    return cases


def _read_sugar_crepe(path: Path, kind: str, images: Path) -> list[CompositionalCase]:
    try:
        return [
            CompositionalCase(
                kind, images / case["filename"], case["caption"], case["negative_caption"]
            )
            for case in json.loads(path.read_text(encoding="utf-8")).values()
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is another kind of file ({error!r}); expected numbers mapped to filename, "
            "caption and negative_caption"
        ) from error

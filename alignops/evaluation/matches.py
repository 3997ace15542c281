"""Retrieval with several right answers: mAP@R, R-Precision, and the ECCV Caption judgements.

COCO captions often fit more images than their own, so plain recall counts right answers as wrong.
Crisscrossed Captions (CxC) and ECCV Caption judged more pairs of the 5,000 test images; the package
`eccv-caption` contains both. As in `retrieval`, a tie counts against the model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from alignops.evaluation.accuracy import Accuracy


@dataclass(frozen=True, slots=True)
class MatchResult:
    """Means over the queries.

    Attributes:
        recall: maps K to the share of queries with a right answer in the top K.
        r_precision: share of right answers in the top R; R is the query's number of right answers.
        map_at_r: mean over ranks r = 1..R of the precision at r, or 0 if the answer at r is wrong.
        queries: number of queries.
    """

    recall: Mapping[int, float]
    r_precision: float
    map_at_r: float
    queries: int


def match_all(
    similarity: Tensor, positives: Sequence[Sequence[int]], ks: Sequence[int] = (1, 5, 10)
) -> MatchResult:
    """Rank the candidates of each query; several may be right.

    Args:
        similarity: (queries, candidates), floating point, without NaN.
        positives: the right candidates of each query, at least one, each once; -1 stands for a
            right answer that is not among the candidates and can never be found.
        ks: cut-offs of the recall.

    Raises:
        ValueError: shapes do not fit, a query has no right candidate, or a similarity is NaN.
    """
    if similarity.ndim != 2 or len(similarity) != len(positives) or not len(positives):
        raise ValueError(
            f"similarity has shape {tuple(similarity.shape)} and positives {len(positives)} "
            "entries; expected (queries, candidates) and as many entries as queries, at least one"
        )
    if similarity.isnan().any():
        raise ValueError(f"similarity has {similarity.isnan().sum().item()} NaN; expected numbers")
    if not all(positives):
        raise ValueError("positives has an empty entry; expected a right candidate per query")
    ranks = [_ranks(row, list(right)) for row, right in zip(similarity, positives, strict=True)]
    best = torch.stack([rank[0] for rank in ranks])
    return MatchResult(
        recall={k: (best <= k).double().mean().item() for k in ks},
        r_precision=_mean([(rank <= len(rank)).double().mean() for rank in ranks]),
        map_at_r=_mean([_average_precision(rank) for rank in ranks]),
        queries=len(ranks),
    )


def evaluate_eccv_caption(
    similarity: Tensor, image_ids: Sequence[int], caption_ids: Sequence[int]
) -> dict[str, Accuracy]:
    """Evaluate COCO retrieval by CxC (recall) and ECCV Caption (mAP@R and others).

    Args:
        similarity: (5000, 25000), all of COCO's test images and captions.
        image_ids: COCO's id of each row.
        caption_ids: COCO's annotation id of each column.

    Returns:
        Name to figure, such as "ECCV image to text mAP@R".

    Raises:
        ImportError: `eccv-caption` is not installed.
        ValueError: a judged image or caption is missing, or as `match_all`.
    """
    judged = _judgements()
    results: dict[str, Accuracy] = {}
    for name, matches in (("CxC", judged.cxc_gts), ("ECCV", judged.eccv_gts)):
        for direction, scores, queries, candidates, right in (
            ("image to text", similarity, image_ids, caption_ids, matches["i2t"]),
            ("text to image", similarity.T, caption_ids, image_ids, matches["t2i"]),
        ):
            row, column = _places(queries), _places(candidates)
            missing = right.keys() - row.keys()
            if missing:
                raise ValueError(f"the ids lack {min(missing)}; expected all that {name} judges")
            # Two judged captions are the sixth of their image, so not among the 25,000.
            positives = [[column.get(item, -1) for item in items] for items in right.values()]
            found = match_all(scores[[row[query] for query in right]], positives)
            figures = {f"R@{k}": recall for k, recall in found.recall.items()}
            if name == "ECCV":
                figures |= {"R-Precision": found.r_precision, "mAP@R": found.map_at_r}
            results |= {
                f"{name} {direction} {figure}": Accuracy(value, found.queries)
                for figure, value in figures.items()
            }
    return results


def _ranks(scores: Tensor, right: list[int]) -> Tensor:
    """Ranks of the right candidates, ascending from 1; wrong ones of equal score come first."""
    own = scores[[index for index in right if index >= 0]].sort(descending=True).values
    as_good = (scores >= own[:, None]).sum(1) - (own >= own[:, None]).sum(1)
    found = as_good + torch.arange(1, len(own) + 1, device=own.device)
    never = found.new_full((len(right) - len(own),), len(scores) + len(right))
    return torch.cat([found, never])


def _average_precision(ranks: Tensor) -> Tensor:
    number = torch.arange(1, len(ranks) + 1, device=ranks.device)
    return torch.where(ranks <= len(ranks), number / ranks, 0).double().mean()


def _mean(values: list[Tensor]) -> float:
    return torch.stack(values).mean().item()


def _places(ids: Sequence[int]) -> dict[int, int]:
    return {int(key): index for index, key in enumerate(ids)}


def _judgements() -> Any:
    try:
        from eccv_caption import Metrics
    except ImportError as error:
        raise ImportError(
            "the judgements of CxC and ECCV Caption are in a package of their own: "
            "pip install eccv-caption"
        ) from error
    return Metrics()

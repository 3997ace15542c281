"""Retrieval between images and captions: recall among many candidates, and choice between two.

A tie always counts against the model: one that scores all pairs alike finds nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from alignops.evaluation.accuracy import Accuracy


@dataclass(frozen=True, slots=True)
class RetrievalResult:
    """Recall in both directions.

    Attributes:
        image_to_text: maps K to the share of images with any of their captions in the top K.
        text_to_image: maps K to the share of captions with their image in the top K.
        images: number of image queries.
        captions: number of caption queries.
    """

    image_to_text: Mapping[int, float]
    text_to_image: Mapping[int, float]
    images: int
    captions: int

    def accuracies(self) -> dict[str, Accuracy]:
        """Name each recall, such as "image to text R@1"."""
        to_text = {f"image to text R@{k}": r for k, r in self.image_to_text.items()}
        to_image = {f"text to image R@{k}": r for k, r in self.text_to_image.items()}
        return {name: Accuracy(recall, self.images) for name, recall in to_text.items()} | {
            name: Accuracy(recall, self.captions) for name, recall in to_image.items()
        }


def recall_at_k(
    similarity: Tensor, image_index: Tensor, ks: Sequence[int] = (1, 5, 10)
) -> RetrievalResult:
    """Compute how often the right answer is among the top K, in both directions.

    Args:
        similarity: (images, captions), floating point, without NaN.
        image_index: (captions,) int64, the image that each caption belongs to. Every image has
            at least one caption.
        ks: the cut-offs K.

    Raises:
        ValueError: if a shape, an index or a cut-off is wrong, an image has no caption, or a
            similarity is NaN.
        TypeError: if a tensor has the wrong type.
    """
    _check(similarity, image_index, ks)
    images, captions = similarity.shape
    own = similarity[image_index, torch.arange(captions, device=similarity.device)]
    best = own.new_full((images,), -torch.inf).scatter_reduce(0, image_index, own, "amax")

    # An image is ranked by its best caption; its other captions do not compete.
    ties_of_own = torch.bincount(image_index[own == best[image_index]], minlength=images)
    image_rank = (similarity >= best[:, None]).sum(1) - ties_of_own
    caption_rank = (similarity >= own).sum(0) - 1
    return RetrievalResult(
        image_to_text={k: _share(image_rank < k) for k in ks},
        text_to_image={k: _share(caption_rank < k) for k in ks},
        images=images,
        captions=captions,
    )


def recall_over_folds(
    similarity: Tensor, image_index: Tensor, ks: Sequence[int] = (1, 5, 10), folds: int = 5
) -> RetrievalResult:
    """Average the recall over folds of consecutive images, each against its own captions only.

    COCO's "1K" protocol splits 5,000 test images into 5 folds.

    Args:
        similarity: (images, captions), as in `recall_at_k`.
        image_index: (captions,) int64, as in `recall_at_k`.
        ks: the cut-offs K.
        folds: number of folds; divides the number of images.

    Returns:
        The mean recall of the folds, with the numbers of queries in all folds.

    Raises:
        ValueError: as `recall_at_k`, or if the images do not fall into `folds` equal parts.
        TypeError: as `recall_at_k`.
    """
    _check(similarity, image_index, ks)
    images, captions = similarity.shape
    if folds < 1 or images % folds:
        raise ValueError(f"folds is {folds}; expected a divisor of the number of images, {images}")
    size = images // folds
    results = []
    for start in range(0, images, size):
        inside = (image_index >= start) & (image_index < start + size)
        fold = similarity[start : start + size, inside]
        results.append(recall_at_k(fold, image_index[inside] - start, ks))
    return RetrievalResult(
        image_to_text={k: sum(r.image_to_text[k] for r in results) / folds for k in ks},
        text_to_image={k: sum(r.text_to_image[k] for r in results) / folds for k in ks},
        images=images,
        captions=captions,
    )


def binary_choice(true_scores: Tensor, false_scores: Tensor) -> float:
    """Compute how often the true score exceeds the false one; a tie counts as wrong.

    Args:
        true_scores: (cases,), without NaN.
        false_scores: (cases,), without NaN.

    Raises:
        ValueError: if the shapes differ, there are no cases, or a score is NaN.
    """
    if true_scores.ndim != 1 or true_scores.shape != false_scores.shape or not len(true_scores):
        raise ValueError(
            f"true_scores and false_scores have shapes {tuple(true_scores.shape)} and "
            f"{tuple(false_scores.shape)}; expected (cases,) for both, with at least one case"
        )
    for name, scores in (("true_scores", true_scores), ("false_scores", false_scores)):
        _check_numbers(name, scores)
    return _share(true_scores > false_scores)


def _share(right: Tensor) -> float:
    return right.double().mean().item()


def _check(similarity: Tensor, image_index: Tensor, ks: Sequence[int]) -> None:
    if similarity.ndim != 2 or not similarity.numel():
        raise ValueError(
            f"similarity has shape {tuple(similarity.shape)}; expected (images, captions), at "
            "least one of each"
        )
    if not similarity.is_floating_point():
        raise TypeError(f"similarity is {similarity.dtype}; expected a floating-point tensor")
    _check_numbers("similarity", similarity)
    images, captions = similarity.shape
    if image_index.dtype != torch.int64:
        raise TypeError(f"image_index is {image_index.dtype}; expected torch.int64")
    if image_index.shape != (captions,):
        raise ValueError(
            f"image_index has shape {tuple(image_index.shape)}; expected ({captions},), one "
            "image per caption"
        )
    low, high = image_index.min().item(), image_index.max().item()
    if low < 0 or high >= images:
        raise ValueError(f"image_index has values {low} to {high}; expected them in [0, {images})")
    count = torch.bincount(image_index, minlength=images)
    if not count.all():
        raise ValueError(
            f"image_index has no caption of image {count.argmin().item()}; expected one of each"
        )
    if not ks or min(ks) < 1:
        raise ValueError(f"ks is {tuple(ks)}; expected positive cut-offs, at least one")


def _check_numbers(name: str, values: Tensor) -> None:
    if values.isnan().any():
        raise ValueError(f"{name} has {values.isnan().sum().item()} NaN; expected numbers")

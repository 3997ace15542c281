"""Triplet losses over a batch of pairs, with the hardest or distance-weighted negatives."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from alignops.ops.arguments import (
    check_embeddings,
    check_pairs,
    check_tensor,
    number_between,
    one_of,
)


def hardest_triplet(similarity: Tensor, margin: float, is_negative: Tensor | None = None) -> Tensor:
    """Hinge of each row against its most similar negative: `max_j s_ij - s_ii + margin`, if > 0.

    Args:
        similarity: (B, B), pair i on the diagonal.
        margin: required lead of the pair over the negative.
        is_negative: (B, B) bool; None = everything off the diagonal.

    Returns:
        (B,); zero for a row without negatives.
    """
    if is_negative is None:
        is_negative = ~torch.eye(len(similarity), dtype=torch.bool, device=similarity.device)
    if not len(similarity):
        return similarity.diagonal()
    hardest = similarity.masked_fill(~is_negative, -torch.inf).amax(dim=1)
    return relu(hardest - similarity.diagonal() + margin)


def distance_weights(
    similarity: Tensor,
    is_negative: Tensor,
    *,
    nearest: float = 0.5,
    farthest: float = 1.7,
    dim: int = 512,
) -> Tensor:
    """Sampling probability of each row's negatives, uniform over distance.

    Points drawn uniformly on a sphere lie mostly at one distance. The weight of a negative at
    distance `d = sqrt(2 - 2 s)` is the inverse of their density,
    `q(d) ~ d^(dim-2) (1 - d^2/4)^((dim-3)/2)` (Sampling Matters in Deep Embedding Learning, arXiv
    1706.07567).

    Args:
        similarity: (B, B), at most 1.
        is_negative: (B, B) bool.
        nearest: smaller distances are raised to this one.
        farthest: negatives at this distance or beyond are never drawn; at most 2.
        dim: dimension of the embedding space in the density.

    Returns:
        (B, B) without gradient; each row sums to 1, or is zero if it has no candidates.
    """
    distance = (2 - 2 * similarity.detach()).clamp(min=0).sqrt().clamp(min=nearest)
    drawn = is_negative & (distance < farthest)
    log_density = (dim - 2) * distance.log() + (dim - 3) / 2 * (1 - distance.square() / 4).log()
    weights = (-log_density).masked_fill(~drawn, -torch.inf).softmax(dim=1)
    return weights.masked_fill(~drawn, 0)


class HardestTripletLoss(nn.Module):
    """Triplet loss with the hardest negative of the batch, both directions (VSE++, 1707.05612).

    Args:
        margin: required lead of a pair over its hardest negative.
        reduction: "mean" over the batch, or "sum", the paper's form. Directions are added.

    Raises:
        TypeError: an argument's type is not one of the above.
        ValueError: a number is out of its range, or `reduction` is another word.
    """

    def __init__(self, margin: float = 0.2, reduction: str = "mean") -> None:
        super().__init__()
        self.margin = number_between(margin, "margin", 0, math.inf)
        self.reduction = one_of(reduction, "reduction", ("mean", "sum"))

    def forward(self, image: Tensor, text: Tensor, image_id: Tensor | None = None) -> Tensor:
        """Compute the loss of a batch, 0-d.

        Args:
            image: (B, D) embeddings.
            text: (B, D) embeddings; text i belongs to image i.
            image_id: (B,) int64. Pairs with equal ids share an image and are no negatives of each
                other; None = all images differ.

        Raises:
            TypeError: an argument's type is not one of the above.
            ValueError: shapes or devices do not fit together.
        """
        similarity, is_negative = _pairs(image, text, image_id)
        rows = hardest_triplet(similarity, self.margin, is_negative)
        columns = hardest_triplet(similarity.T, self.margin, is_negative)
        return _reduced(rows + columns, self.reduction)


class DistanceWeightedTripletLoss(nn.Module):
    """Triplet loss with negatives drawn by `distance_weights`, AAHR's default.

    Draws one negative per row and per column, from torch's global generator.

    Args:
        margin: required lead of a pair over the negative drawn.
        farthest: see `distance_weights`.
        reduction: "mean" over the batch, or "sum", as in the published code. Directions are added.

    Raises:
        TypeError: an argument's type is not one of the above.
        ValueError: a number is out of its range, or `reduction` is another word.
    """

    def __init__(self, margin: float = 0.2, farthest: float = 1.7, reduction: str = "mean") -> None:
        super().__init__()
        self.margin = number_between(margin, "margin", 0, math.inf)
        self.farthest = number_between(farthest, "farthest", 0, 2)
        self.reduction = one_of(reduction, "reduction", ("mean", "sum"))

    def forward(self, image: Tensor, text: Tensor, image_id: Tensor | None = None) -> Tensor:
        """Compute the loss of a batch, 0-d; arguments as in `HardestTripletLoss`."""
        similarity, is_negative = _pairs(image, text, image_id)
        rows = self._direction(similarity, is_negative)
        return _reduced(rows + self._direction(similarity.T, is_negative), self.reduction)

    def _direction(self, similarity: Tensor, is_negative: Tensor) -> Tensor:
        if not len(similarity):
            return similarity.diagonal()
        weights = distance_weights(similarity, is_negative, farthest=self.farthest)
        some = weights.any(dim=1)
        # A row without candidates draws an arbitrary one, with weight 0.
        index = torch.multinomial(weights.masked_fill(~some[:, None], 1), 1)
        negative = similarity.gather(1, index).squeeze(1)
        return relu(negative - similarity.diagonal() + self.margin) * some


def _pairs(image: Tensor, text: Tensor, image_id: Tensor | None) -> tuple[Tensor, Tensor]:
    """Similarities (B, B) and the mask of negatives (B, B)."""
    check_embeddings(image, text, ("image", "text"), dims=2)
    check_pairs(image, text, ("image", "text"))
    if image_id is None:
        image_id = torch.arange(len(image), device=image.device)
    else:
        check_tensor(image_id, "image_id", torch.int64, image.shape[:1], image, "image")
    return image @ text.T, image_id[:, None] != image_id


def _reduced(terms: Tensor, reduction: str) -> Tensor:
    return terms.sum() if reduction == "sum" else terms.sum() / max(len(terms), 1)

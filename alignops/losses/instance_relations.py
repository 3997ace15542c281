"""Relations between the images and texts of a batch: within a modality, and across (AAHR)."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import kl_div

from alignops.ops import scan_similarity


class Relations(NamedTuple):
    """How the 2B instances of a batch of B pairs are related, each (B, B).

    Attributes:
        image_image: row and column are images.
        text_text: row and column are texts.
        image_text: row is an image, column a text.
        text_image: row is a text, column an image; not the transpose of the other.
    """

    image_image: Tensor
    text_text: Tensor
    image_text: Tensor
    text_image: Tensor

    def whole(self) -> Tensor:
        """Put them together, images first: (2B, 2B)."""
        images = torch.cat([self.image_image, self.image_text], dim=1)
        return torch.cat([images, torch.cat([self.text_image, self.text_text], dim=1)])


def within_relations(embedding: Tensor) -> Tensor:
    """`exp(-||e_i - e_j||)` of embeddings (B, D): (B, B)."""
    return (-_distances(embedding, embedding)).exp()


@torch.no_grad()
def across_relations(
    regions: Tensor, words: Tensor, region_mask: Tensor, word_mask: Tensor
) -> tuple[Tensor, Tensor]:
    """Relate images and texts by their regions and words; see `alignops.scan_similarity`.

    Args:
        regions: (B, N, D).
        words: (B, M, D).
        region_mask: (B, N) bool, True = valid.
        word_mask: (B, M) bool, True = valid.

    Returns:
        image_text and text_image, each (B, B), without gradient.
    """
    i2t, t2i = scan_similarity(regions, words, region_mask, word_mask)
    return i2t, t2i.T


def connections(relations: Tensor) -> Tensor:
    """Connect each row of (B, C) to the half of the columns it is most related to: bool."""
    columns = relations.shape[1]
    if not columns:
        return relations.bool()
    least = relations.topk(max(columns // 2, 1), dim=1).values[:, -1:]
    return relations >= least


def relation_divergence(
    image: Tensor, text: Tensor, image_text: Tensor, text_image: Tensor
) -> Tensor:
    """KL divergence of the relations from closeness of the embeddings, both directions, 0-d.

    `KL(softmax(relations) || softmax(exp(-||image_i - text_j||)))` per row, averaged over rows, and
    the directions added: embeddings are to be close as their regions and words are related. The
    gradient goes to the embeddings; relations are constants.

    Args:
        image: (B, D) embeddings.
        text: (B, D) embeddings.
        image_text: (B, B), of `across_relations`.
        text_image: (B, B), likewise.
    """
    closeness = (-_distances(image, text)).exp()
    return _divergence(closeness, image_text) + _divergence(closeness.T, text_image)


def _divergence(closeness: Tensor, relations: Tensor) -> Tensor:
    target = relations.detach().softmax(dim=-1)
    return kl_div(closeness.log_softmax(dim=-1), target, reduction="batchmean")


def _distances(x: Tensor, y: Tensor) -> Tensor:
    # Through a matrix product, the distance of a row from itself would not be 0.
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")

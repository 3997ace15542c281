"""Relations between the images and texts of a batch, within and across modalities (AAHR)."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import kl_div

from alignops.ops import scan_similarity
from alignops.ops.arguments import check_dense, check_embeddings, check_pairs, component_pair
from alignops.ops.errors import Given, wrong_type, wrong_value


class InstanceRelations(NamedTuple):
    """Relations between the 2B instances of a batch of B pairs, each (B, B).

    Attributes:
        image_image: row and column are images.
        text_text: row and column are texts.
        image_text: row is an image, column a text.
        text_image: row is a text, column an image; not the transpose of `image_text`.
    """

    image_image: Tensor
    text_text: Tensor
    image_text: Tensor
    text_image: Tensor

    def whole(self) -> Tensor:
        """Assemble the four blocks, images first: (2B, 2B)."""
        images = torch.cat([self.image_image, self.image_text], dim=1)
        return torch.cat([images, torch.cat([self.text_image, self.text_text], dim=1)])


def within_relations(embedding: Tensor) -> Tensor:
    """`exp(-||e_i - e_j||)` of embeddings (B, D): (B, B).

    Raises:
        TypeError, ValueError: `embedding` is no tensor (B, D) of floating type.
    """
    check_embeddings(embedding, embedding, ("embedding", "embedding"), dims=2)
    return (-_distances(embedding, embedding)).exp()


@torch.no_grad()
def across_relations(
    regions: Tensor,
    words: Tensor,
    region_mask: Tensor | None = None,
    word_mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Relate images and texts by their regions and words; see `alignops.scan_similarity`.

    Args:
        regions: (B, N, D).
        words: (B, M, D).
        region_mask: (B, N) bool, True = valid; None = all valid.
        word_mask: (B, M) bool, likewise.

    Returns:
        image_text and text_image, each (B, B), without gradient.

    Raises:
        TypeError: an argument's type is not one of the above.
        ValueError: shapes, devices or embedding sizes do not fit together.
    """
    regions, words, region_mask, word_mask = component_pair(
        regions, words, region_mask, word_mask, ("regions", "words")
    )
    i2t, t2i = scan_similarity(regions, words, region_mask, word_mask)
    return i2t, t2i.T


def connections(relations: Tensor) -> Tensor:
    """Connect each row of (B, C) to its most related half of the columns: bool."""
    columns = relations.shape[1]
    if not columns:
        return relations.bool()
    least = relations.topk(max(columns // 2, 1), dim=1).values[:, -1:]
    return relations >= least


def check_relations(relations: Tensor, name: str, image: Tensor) -> None:
    """Require (B, B) of floating type on the device of B images (B, D)."""
    expected = f"({len(image)}, {len(image)}) of floating type, as image is {tuple(image.shape)}"
    check_dense(relations, name, expected)
    if not relations.is_floating_point():
        raise wrong_type(name, relations, expected)
    if relations.shape != (len(image), len(image)):
        raise wrong_value(name, relations, expected)
    if relations.device != image.device:
        raise wrong_value(
            name, Given(f"on {relations.device}"), f"the device of image, {image.device}"
        )


def relation_divergence(
    image: Tensor, text: Tensor, image_text: Tensor, text_image: Tensor
) -> Tensor:
    """KL divergence between relations and proximity of embeddings, in both directions, 0-d.

    `KL(softmax(relations) || softmax(exp(-||image_i - text_j||)))` per row, averaged over rows;
    the directions are added. Embeddings should be as close as their regions and words are related.
    Only the embeddings receive a gradient.

    Args:
        image: (B, D) embeddings.
        text: (B, D) embeddings.
        image_text: (B, B), from `across_relations`.
        text_image: (B, B), likewise.

    Raises:
        TypeError: an argument is no tensor of floating type.
        ValueError: shapes or devices do not fit together.
    """
    check_embeddings(image, text, ("image", "text"), dims=2)
    check_pairs(image, text, ("image", "text"))
    for relations, name in ((image_text, "image_text"), (text_image, "text_image")):
        check_relations(relations, name, image)
    closeness = (-_distances(image, text)).exp()
    return _divergence(closeness, image_text) + _divergence(closeness.T, text_image)


def _divergence(closeness: Tensor, relations: Tensor) -> Tensor:
    target = relations.detach().softmax(dim=-1)
    total = kl_div(closeness.log_softmax(dim=-1), target, reduction="sum")
    return total / max(len(closeness), 1)


def _distances(x: Tensor, y: Tensor) -> Tensor:
    # By a matrix product, the distance from a row to itself would not be 0.
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")

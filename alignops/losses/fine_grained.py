"""ComAlign's contrastive loss on three levels: entities, relations, and whole image or caption."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from alignops.losses import temperature as learned
from alignops.losses.matching import matching_loss, symmetric_cross_entropy
from alignops.ops.arguments import check_embeddings, check_pairs, component_pair, mask_name
from alignops.ops.errors import wrong_type


class ComponentFeatures(NamedTuple):
    """Component embeddings of a batch of images or captions.

    Attributes:
        pooled: (B, D), the whole image or caption.
        entities: (B, N, D), padded.
        relations: (B, M, D), padded.
        entity_mask: (B, N) bool, True = valid.
        relation_mask: (B, M) bool, True = valid.
    """

    pooled: Tensor
    entities: Tensor
    relations: Tensor
    entity_mask: Tensor
    relation_mask: Tensor


class FineGrainedContrastiveLoss(nn.Module):
    """ComAlign's loss (arXiv 2409.08206): cross-entropy over the batch, on three levels.

    Sums the levels {entities, relations, whole} in each direction and averages the directions:
    `1/(2B) sum_i (L_i^I2T + L_i^T2I)`. Entities and relations are compared by
    `alignops.fgm_similarity`. A pair in which one side has no entities (or relations) is left out
    of that level, as anchor and as negative. The similarities are divided by a learned temperature;
    the paper states none.

    Args:
        temperature: initial temperature.

    Raises:
        TypeError: `temperature` is no number.
        ValueError: `temperature` is not above 0.
    """

    def __init__(self, temperature: float = 0.07) -> None:
        super().__init__()
        self.log_scale = learned.log_scale(temperature)

    @property
    def logit_scale(self) -> Tensor:
        """Scale of the similarities, at most 100; 0-d, with gradient."""
        return learned.logit_scale(self.log_scale)

    def forward(self, image: ComponentFeatures, text: ComponentFeatures) -> dict[str, Tensor]:
        """Compute the loss of each level, 0-d; their sum is the loss.

        Args:
            image: components of B images, each row L2-normalised.
            text: components of their B captions, each row L2-normalised.

        Returns:
            "global", "entity" and "relation".

        Raises:
            TypeError: a part of `image` or `text` is not of the type above.
            ValueError: the parts do not fit together.
        """
        for side, name in ((image, "image"), (text, "text")):
            if not isinstance(side, ComponentFeatures):
                raise wrong_type(name, side, "ComponentFeatures")
        names = ("image.pooled", "text.pooled")
        check_embeddings(image.pooled, text.pooled, names, dims=2)
        check_pairs(image.pooled, text.pooled, names)
        whole = self.logit_scale * image.pooled @ text.pooled.T
        every = torch.ones(len(whole), dtype=torch.bool, device=whole.device)
        return {
            "global": symmetric_cross_entropy(whole, whole.T, every),
            "entity": self._matching(image, text, "entities"),
            "relation": self._matching(image, text, "relations"),
        }

    def _matching(self, image: ComponentFeatures, text: ComponentFeatures, level: str) -> Tensor:
        names = (f"image.{level}", f"text.{level}")
        x, y = getattr(image, level), getattr(text, level)
        masks = getattr(image, mask_name(level)), getattr(text, mask_name(level))
        for mask, name in zip(masks, names, strict=True):
            if mask is None:
                raise wrong_type(mask_name(name), None, "a torch.bool tensor, True = valid")
        x, y, x_mask, y_mask = component_pair(x, y, *masks, names)
        check_pairs(image.pooled, x, ("image.pooled", names[0]))
        check_pairs(text.pooled, y, ("text.pooled", names[1]))
        return matching_loss(x, y, x_mask, y_mask, self.logit_scale)

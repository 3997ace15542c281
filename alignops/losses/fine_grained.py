"""ComAlign's three-level contrastive loss: entities, relations and the whole."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from alignops.ops import fgm_similarity

_LARGEST_LOGIT_SCALE = 100.0


class ComponentFeatures(NamedTuple):
    """The embeddings of a batch of images, or of captions, in parts.

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
    """ComAlign's loss (arXiv 2409.08206): cross-entropy over the batch of each level's similarity.

    Per direction the levels {entities, relations, whole} are summed; the directions are averaged:
    `1/(2B) sum_i (L_i^I2T + L_i^T2I)`. Entities and relations are compared by
    `alignops.fgm_similarity`. A pair without entities (or relations) on one of its sides takes no
    part in that level, neither as a row nor as a negative. A learned temperature multiplies the
    similarities; the paper prints none.

    Args:
        temperature: initial temperature.
    """

    def __init__(self, temperature: float = 0.07) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"temperature is {temperature}, expected a positive number")
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    @property
    def logit_scale(self) -> Tensor:
        """The factor of the similarities, at most 100; 0-d, with gradient."""
        return self.log_scale.exp().clamp(max=_LARGEST_LOGIT_SCALE)

    def forward(self, image: ComponentFeatures, text: ComponentFeatures) -> dict[str, Tensor]:
        """Compute the loss of each level, 0-d; their sum is the loss.

        Args:
            image: components of B images, each row L2-normalised.
            text: components of their B captions, each row L2-normalised.

        Returns:
            "global", "entity" and "relation".
        """
        whole = self.logit_scale * image.pooled @ text.pooled.T
        every = torch.ones(len(whole), dtype=torch.bool, device=whole.device)
        return {
            "global": _symmetric_cross_entropy(whole, whole.T, every),
            "entity": self._matching(
                image.entities, text.entities, image.entity_mask, text.entity_mask
            ),
            "relation": self._matching(
                image.relations, text.relations, image.relation_mask, text.relation_mask
            ),
        }

    def _matching(
        self, image: Tensor, text: Tensor, image_mask: Tensor, text_mask: Tensor
    ) -> Tensor:
        i2t, t2i = fgm_similarity(image, text, image_mask, text_mask)
        takes_part = image_mask.any(dim=1) & text_mask.any(dim=1)
        return _symmetric_cross_entropy(
            self.logit_scale * i2t, self.logit_scale * t2i.T, takes_part
        )


def _symmetric_cross_entropy(i2t: Tensor, t2i: Tensor, takes_part: Tensor) -> Tensor:
    """Half the sum of both directions, over the pairs that take part, divided by the batch size.

    i2t has one row per image, t2i one row per text, both (B, B); pair i is on the diagonal.
    """
    if len(i2t) == 0:
        return i2t.sum()
    # Not -inf: a row without any candidate would have NaN gradients.
    lowest = torch.finfo(i2t.dtype).min
    target = torch.arange(len(i2t), device=i2t.device).masked_fill(~takes_part, -100)
    total = i2t.new_zeros(())
    for logits in (i2t, t2i):
        logits = logits.masked_fill(~takes_part, lowest)
        total = total + cross_entropy(logits, target, ignore_index=-100, reduction="sum")
    return total / (2 * len(i2t))

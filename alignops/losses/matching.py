"""Cross-entropy over the batch on FILIP similarities, for pairs that have components."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from alignops.ops import fgm_similarity
from alignops.reference.components import valid


def takes_part(
    image: Tensor, text: Tensor, image_mask: Tensor | None, text_mask: Tensor | None
) -> Tensor:
    """True where a pair of (B, N, D) and (B, M, D) has a valid component on both sides: (B,)."""
    return valid(image, image_mask).any(dim=1) & valid(text, text_mask).any(dim=1)


def matching_loss(
    image: Tensor,
    text: Tensor,
    image_mask: Tensor | None,
    text_mask: Tensor | None,
    logit_scale: Tensor,
) -> Tensor:
    """Contrast pairs by `alignops.fgm_similarity`, 0-d; the caller checks and pads the arguments.

    A pair in which one side has no valid component is left out, as anchor and as negative.
    """
    i2t, t2i = fgm_similarity(image, text, image_mask, text_mask)
    pairs = takes_part(image, text, image_mask, text_mask)
    return symmetric_cross_entropy(logit_scale * i2t, logit_scale * t2i.T, pairs)


def symmetric_cross_entropy(i2t: Tensor, t2i: Tensor, takes_part: Tensor) -> Tensor:
    """Mean of both directions, summed over the pairs that take part, divided by the batch size.

    i2t has a row per image, t2i a row per text, both (B, B); pair i is on the diagonal.
    """
    if len(i2t) == 0:
        return i2t.sum()
    # Not -inf: a row without candidates would have NaN gradients.
    lowest = torch.finfo(i2t.dtype).min
    target = torch.arange(len(i2t), device=i2t.device).masked_fill(~takes_part, -100)
    total = i2t.new_zeros(())
    for logits in (i2t, t2i):
        logits = logits.masked_fill(~takes_part, lowest)
        total = total + cross_entropy(logits, target, ignore_index=-100, reduction="sum")
    return total / (2 * len(i2t))

"""MosaiCLIP's contrastive loss, several texts per image (arXiv 2305.13812).

Shapes: image (B, D), text (T, D), image_index (T,) int64 in [0, B), text_is_positive (T,) bool or
None, logit_scale (). With z[i, k] = logit_scale <image[i], text[k]>, p(k) = image_index[k], and the
weights below:

    loss = sum_k of_image[k] (row[p(k)] - z[p(k), k]) + of_text[k] (col[k] - z[p(k), k])
    row[i] = logsumexp_k z[i, k]        col[k] = logsumexp_i z[i, k]

Texts of weight 0 stay in the sum, so that a NaN propagates.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from alignops.reference.components import accumulated


class Weights(NamedTuple):
    """Weight of each text's terms, one half per direction; no gradient."""

    of_row: Tensor  # (B,), the sum of `of_image` over the texts of an image
    of_image: Tensor  # (T,)
    of_text: Tensor  # (T,)


def weights(
    like: Tensor, image_index: Tensor, text_is_positive: Tensor | None, reduction: str
) -> Weights:
    """Weights of all texts, in the type of `like` (B,), which has one value per image."""
    if text_is_positive is None:
        positive = like.new_ones(image_index.shape)
    else:
        positive = text_is_positive.to(like.dtype)
    positives = torch.zeros_like(like).index_add(0, image_index, positive)
    of_row, of_text = (positives > 0) / 2, positive / 2
    if reduction == "mean":
        of_row = of_row / (positives > 0).sum().clamp(min=1)
        of_text = of_text / positive.sum().clamp(min=1)
    of_row = of_row.to(like.dtype)
    shares = of_row / positives.clamp(min=1)
    return Weights(of_row, positive * shares.index_select(0, image_index), of_text)


def total(weights: Weights, row: Tensor, col: Tensor, own: Tensor, image_index: Tensor) -> Tensor:
    """Combine denominators and `own` (T,), each text's logit with its image, into the loss."""
    of_images = weights.of_image * (row.index_select(0, image_index) - own)
    return (of_images + weights.of_text * (col - own)).sum()


def multi_positive_contrastive_loss(
    image: Tensor,
    text: Tensor,
    image_index: Tensor,
    text_is_positive: Tensor | None,
    logit_scale: Tensor,
    reduction: str = "mean",
) -> tuple[Tensor, Tensor, Tensor]:
    """(loss (), row (B,), col (T,)); the backward needs row and col."""
    z = logit_scale * (accumulated(image, None) @ accumulated(text, None).mT)
    row, col = torch.logsumexp(z, 1), torch.logsumexp(z, 0)
    own = z[image_index, torch.arange(len(text), device=text.device)]
    of = weights(row, image_index, text_is_positive, reduction)
    return total(of, row, col, own, image_index), row, col


def multi_positive_contrastive_loss_backward(
    grad: Tensor,
    image: Tensor,
    text: Tensor,
    image_index: Tensor,
    text_is_positive: Tensor | None,
    logit_scale: Tensor,
    reduction: str,
    row: Tensor,
    col: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of image, text and logit_scale."""
    images, texts = accumulated(image, None), accumulated(text, None)
    z = logit_scale * (images @ texts.mT)
    of = weights(row, image_index, text_is_positive, reduction)
    of_z = of.of_row[:, None] * torch.exp(z - row[:, None]) + of.of_text * torch.exp(z - col)
    of_z[image_index, torch.arange(len(text), device=text.device)] -= of.of_image + of.of_text
    of_z = grad * of_z
    grad_image = of_z @ texts
    grad_scale = (grad_image * images).sum()
    grad_text = logit_scale * (of_z.mT @ images)
    return (logit_scale * grad_image).to(image.dtype), grad_text.to(text.dtype), grad_scale

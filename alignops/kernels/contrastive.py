"""The multi-positive contrastive loss: denominators in Triton, the few other values in torch.

No step synchronises with the device. Atomics add only counts, which are exact.
"""

import torch
from torch import Tensor

from alignops.kernels import logsumexp
from alignops.reference.components import accumulated
from alignops.reference.contrastive import total, weights


def multi_positive_contrastive_loss(
    image: Tensor,
    text: Tensor,
    image_index: Tensor,
    text_is_positive: Tensor | None,
    logit_scale: Tensor,
    reduction: str = "mean",
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute `alignops::multi_positive_contrastive_loss`: (loss (), row (B,), col (T,))."""
    row, col = logsumexp.similarity_logsumexp(image, text, logit_scale)
    own_images = accumulated(image, None).index_select(0, image_index)
    own = logit_scale * (own_images * accumulated(text, None)).sum(1)
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
    """Compute `alignops::multi_positive_contrastive_loss_backward`."""
    of = weights(row, image_index, text_is_positive, reduction)
    grad_image, grad_text, grad_scale = logsumexp.similarity_logsumexp_backward(
        grad * of.of_row, grad * of.of_text, image, text, logit_scale, None, None, row, col
    )
    images, texts = accumulated(image, None), accumulated(text, None)
    of_own = (-grad * (of.of_image + of.of_text)).unsqueeze(1)
    own_images = of_own * images.index_select(0, image_index)
    own_texts = _sums_by_image(of_own * texts, image_index, len(images))
    return (
        grad_image + (logit_scale * own_texts).to(image.dtype),
        grad_text + (logit_scale * own_images).to(text.dtype),
        grad_scale + (own_images * texts).sum(),
    )


def _sums_by_image(values: Tensor, image_index: Tensor, images: int) -> Tensor:
    """Sum values (T, D) over each image's texts, in order: (images, D)."""
    sorted_index, order = image_index.sort(stable=True)
    starts = torch.searchsorted(sorted_index, torch.arange(images + 1, device=values.device))
    # Unsafe: skips a check of the offsets, which would synchronise with the device.
    return torch.segment_reduce(values.index_select(0, order), "sum", offsets=starts, unsafe=True)

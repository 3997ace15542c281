"""The numerators of contrastive losses: the similarity of each text with its own image.

Shapes: image (B, D), text (T, D), text_image (T,) int64 in [0, B).

    matched[k] = <image[text_image[k]], text[k]>
"""

import torch
from torch import Tensor

from alignops.reference.components import accumulated


def matched_similarity(image: Tensor, text: Tensor, text_image: Tensor) -> Tensor:
    """(T,) in the accumulation type."""
    return (accumulated(image, None)[text_image] * accumulated(text, None)).sum(-1)


def matched_similarity_backward(
    grad: Tensor, image: Tensor, text: Tensor, text_image: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of image and text."""
    images, texts = accumulated(image, None), accumulated(text, None)
    grad_text = grad[:, None] * images[text_image]
    grad_image = torch.zeros_like(images).index_add(0, text_image, grad[:, None] * texts)
    return grad_image.to(image.dtype), grad_text.to(text.dtype)

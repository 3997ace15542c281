"""`alignops::matched_similarity`: of each text with its own image, for contrastive losses."""

from typing import Any

import torch
from torch import Tensor

from alignops.ops.registration import block_second_derivative, define_op
from alignops.reference import matched as reference
from alignops.reference.components import accumulation_dtype


def matched_similarity(image: Tensor, text: Tensor, text_image: Tensor) -> Tensor:
    """<image[text_image[k]], text[k]> for every text k (T,), in the accumulation type."""
    matched: Tensor = torch.ops.alignops.matched_similarity(image, text, text_image)
    return matched


def _fake(image: Tensor, text: Tensor, text_image: Tensor) -> Tensor:
    return text.new_empty(text.shape[:1], dtype=accumulation_dtype(text.dtype))


def _fake_backward(
    grad: Tensor, image: Tensor, text: Tensor, text_image: Tensor
) -> tuple[Tensor, Tensor]:
    return image.new_empty(image.shape), text.new_empty(text.shape)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    return *torch.ops.alignops.matched_similarity_backward(grad, *ctx.saved_tensors), None


define_op(
    "matched_similarity",
    "(Tensor image, Tensor text, Tensor text_image) -> Tensor",
    reference=reference.matched_similarity,
    fake=_fake,
)
define_op(
    "matched_similarity_backward",
    "(Tensor grad, Tensor image, Tensor text, Tensor text_image)"
    " -> (Tensor grad_image, Tensor grad_text)",
    reference=reference.matched_similarity_backward,
    fake=_fake_backward,
)
torch.library.register_autograd(
    "alignops::matched_similarity", _backward, setup_context=_setup_context
)
block_second_derivative("matched_similarity_backward", "multi_positive_contrastive_loss")

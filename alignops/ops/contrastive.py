"""`alignops::multi_positive_contrastive_loss`: MosaiCLIP's loss, without building the logits."""

from typing import Any

import torch
from torch import Tensor
from torch.distributed import ProcessGroup

from alignops.ops.arguments import check_tensor, embedding_pair, one_of, scale_tensor
from alignops.ops.autograd import block_second_derivative, differentiate
from alignops.ops.errors import described, wrong_value
from alignops.ops.registration import define_op, use_triton
from alignops.reference import contrastive as reference
from alignops.reference.components import accumulation_dtype

_REDUCTIONS = ("mean", "sum")


def multi_positive_contrastive_loss(
    image: Tensor,
    text: Tensor,
    image_index: Tensor,
    text_is_positive: Tensor | None = None,
    *,
    logit_scale: float | Tensor,
    reduction: str = "mean",
    group: ProcessGroup | None = None,
) -> Tensor:
    """Contrastive loss with several texts per image, some of them hard negatives (MosaiCLIP).

    With logits z[i, k] = logit_scale <image[i], text[k]>, P(i) the positive texts of image i, and
    p(k) = image_index[k] (arXiv 2305.13812):

        L_i2t = -mean_i mean_{k in P(i)} ( z[i, k] - logsumexp_j z[i, j] )     i with a positive
        L_t2i = -mean_{k positive} ( z[p(k), k] - logsumexp_i z[i, k] )
        loss  = (L_i2t + L_t2i) / 2

    `reduction="sum"` replaces the outer means by sums, the paper's form. The denominators of the
    images run over all texts, positive and negative; those of the texts run over all images, also
    those without a positive. With one positive text per image, in order, this is CLIP's loss. The
    matrix z (B, T) is never built.

    Args:
        image: (B, D), float64, float32, bfloat16 or float16; L2-normalised by the caller.
        text: (T, D) of the same type and device, L2-normalised by the caller.
        image_index: (T,) int64, the image in [0, B) that each text belongs to.
        text_is_positive: (T,) bool, False for a hard negative; None = all positive.
        logit_scale: inverse temperature: a float, or a 0-d tensor, which receives a gradient.
        reduction: "mean" or "sum".
        group: torch.distributed process group to contrast over; not available yet.

    Returns:
        0-d tensor; float32 for 16-bit inputs (accumulated in float32), else the inputs' type.
        Without a positive text: 0 with zero gradient.

    Raises:
        TypeError: an argument's type is not one of the above.
        ValueError: shapes, devices or embedding sizes do not fit together, `reduction` is unknown,
            `logit_scale` is a number that is not finite, or (on the CPU) a value of `image_index`
            is out of range. On a CUDA device a device-side assertion catches the latter, as no call
            synchronises.
        NotImplementedError: `group` is given.
        RuntimeError: a second or forward-mode derivative is requested.
    """
    if group is not None:
        raise NotImplementedError(
            f"group is {described(group)}; expected None, as contrasting over a process group is "
            "not available yet: gather the embeddings of all ranks before the call"
        )
    one_of(reduction, "reduction", _REDUCTIONS)
    image, text = embedding_pair(image, text, ("image", "text"), dims=2)
    check_tensor(image_index, "image_index", torch.int64, text.shape[:1], text, "text")
    if text_is_positive is not None:
        check_tensor(text_is_positive, "text_is_positive", torch.bool, text.shape[:1], text, "text")
    scale = scale_tensor(logit_scale, "logit_scale", image)
    try:
        loss: Tensor = torch.ops.alignops.multi_positive_contrastive_loss(
            image, text, image_index, text_is_positive, scale, reduction
        )[0]
    except (RuntimeError, IndexError):
        # Searched only now: this takes as long as a small loss, and synchronises with a GPU.
        _check_images(image_index, len(image))
        raise
    return loss


def _check_images(image_index: Tensor, images: int) -> None:
    """Require every index to be that of an image."""
    if image_index.device.type != "cpu":
        return
    wrong = ((image_index < 0) | (image_index >= images)).nonzero()
    if len(wrong):
        k = int(wrong[0])
        expected = f"the index of one of {images} images"
        raise wrong_value(f"image_index[{k}]", image_index[k].item(), expected) from None


def _fake(
    image: Tensor, text: Tensor, image_index: Tensor, *unused: Any
) -> tuple[Tensor, Tensor, Tensor]:
    dtype = accumulation_dtype(image.dtype)
    return (
        image.new_empty((), dtype=dtype),
        image.new_empty(image.shape[:1], dtype=dtype),
        text.new_empty(text.shape[:1], dtype=dtype),
    )


def _fake_backward(
    grad: Tensor, image: Tensor, text: Tensor, *unused: Any
) -> tuple[Tensor, Tensor, Tensor]:
    return image.new_empty(image.shape), text.new_empty(text.shape), grad.new_empty(())


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, ctx.reduction = inputs
    _, row, col = output
    ctx.save_for_backward(*tensors, row, col)
    # Only the loss is differentiated; similarity_logsumexp gives denominators with a gradient.
    ctx.mark_non_differentiable(row, col)


def _backward(ctx: Any, grad: Tensor, *of_denominators: Tensor) -> tuple[Tensor | None, ...]:
    *tensors, row, col = ctx.saved_tensors
    of_image, of_text, of_scale = torch.ops.alignops.multi_positive_contrastive_loss_backward(
        grad, *tensors, ctx.reduction, row, col
    )
    return of_image, of_text, None, None, of_scale, None


define_op(
    "multi_positive_contrastive_loss",
    "(Tensor image, Tensor text, Tensor image_index, Tensor? text_is_positive, Tensor logit_scale,"
    ' str reduction="mean") -> (Tensor loss, Tensor row, Tensor col)',
    reference=reference.multi_positive_contrastive_loss,
    fake=_fake,
)
define_op(
    "multi_positive_contrastive_loss_backward",
    "(Tensor grad, Tensor image, Tensor text, Tensor image_index, Tensor? text_is_positive,"
    " Tensor logit_scale, str reduction, Tensor row, Tensor col)"
    " -> (Tensor grad_image, Tensor grad_text, Tensor grad_scale)",
    reference=reference.multi_positive_contrastive_loss_backward,
    fake=_fake_backward,
)
differentiate("multi_positive_contrastive_loss", _backward, _setup_context)
block_second_derivative(
    "multi_positive_contrastive_loss_backward", "multi_positive_contrastive_loss"
)
use_triton(
    "contrastive", "multi_positive_contrastive_loss", "multi_positive_contrastive_loss_backward"
)

"""`alignops::multi_positive_contrastive_loss`: MosaiCLIP's, on `similarity_logsumexp`."""

import torch
from torch import Tensor
from torch.distributed import ProcessGroup

from alignops.ops.arguments import embedding_pair
from alignops.ops.logsumexp import scale_tensor
from alignops.reference.components import accumulation_dtype

_REDUCTIONS = ("mean", "sum")


def multi_positive_contrastive_loss(
    image: Tensor,
    text: Tensor,
    text_image: Tensor,
    text_is_positive: Tensor | None = None,
    *,
    logit_scale: float | Tensor,
    reduction: str = "mean",
    group: ProcessGroup | None = None,
) -> Tensor:
    """Contrastive loss of images with several texts each, some of them hard negatives.

    MosaiCLIP (arXiv 2305.13812).
    With logits z[i, k] = logit_scale <image[i], text[k]>, P(i) the positive texts of image i, p(k)
    = text_image[k]:

        L_i2t = -mean_i mean_{k in P(i)} ( z[i, k] - logsumexp_j z[i, j] )     i with a positive
        L_t2i = -mean_{k positive} ( z[p(k), k] - logsumexp_i z[i, k] )
        loss  = (L_i2t + L_t2i) / 2

    `reduction="sum"` replaces the outer means by sums, the printed form. Every text, negative or
    not, is in the denominators of the images; an image without a positive is in those of the texts.
    With one positive text per image, in order, this is CLIP's loss. The matrix z (B, T) is never
    built.

    Args:
        image: (B, D), float64, float32, bfloat16 or float16; L2-normalised by the caller.
        text: (T, D) of the same type and device, L2-normalised by the caller.
        text_image: (T,) int64, the image in [0, B) that each text belongs to; a value outside is an
            undefined index.
        text_is_positive: (T,) bool, False for a hard negative; None = all positive.
        logit_scale: inverse temperature: a float, or a 0-d tensor, with gradient.
        reduction: "mean" or "sum".
        group: torch.distributed process group to contrast over; not available yet.

    Returns:
        0-d tensor: float32 for 16-bit inputs (accumulated in float32), else the inputs' type.
        Without a positive text: 0 with zero gradient.

    Raises:
        TypeError: an argument's type is not one of the above.
        ValueError: shapes, devices or embedding sizes do not fit together, or `reduction` is
            unknown.
        NotImplementedError: `group` is given.
        RuntimeError: a second derivative is asked for.
    """
    if group is not None:
        raise NotImplementedError(
            "group is given, but contrasting over a process group is not available yet; "
            "expected None, or gather the embeddings of all ranks before the call"
        )
    if reduction not in _REDUCTIONS:
        raise ValueError(
            f"reduction is {reduction!r}; expected one of {', '.join(map(repr, _REDUCTIONS))}"
        )
    image, text = embedding_pair(image, text, ("image", "text"), dims=2)
    _check_per_text(text_image, "text_image", torch.int64, text)
    if text_is_positive is not None:
        _check_per_text(text_is_positive, "text_is_positive", torch.bool, text)
    scale = scale_tensor(logit_scale, "logit_scale", image)
    loss: Tensor = torch.ops.alignops.multi_positive_contrastive_loss(
        image, text, text_image, text_is_positive, scale, reduction
    )
    return loss


def _check_per_text(tensor: Tensor, name: str, dtype: torch.dtype, text: Tensor) -> None:
    if not isinstance(tensor, Tensor) or tensor.dtype != dtype:
        given = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        raise TypeError(f"{name} is {given}; expected a {dtype} tensor (T,)")
    if tensor.shape != text.shape[:1]:
        raise ValueError(
            f"{name} has shape {tuple(tensor.shape)}; "
            f"expected {tuple(text.shape[:1])}, one per text"
        )
    if tensor.device != text.device:
        raise ValueError(f"{name} is on {tensor.device}; expected {text.device}, as text")


def _loss(
    image: Tensor,
    text: Tensor,
    text_image: Tensor,
    text_is_positive: Tensor | None,
    logit_scale: Tensor,
    reduction: str = "mean",
) -> Tensor:
    row, col = torch.ops.alignops.similarity_logsumexp(image, text, logit_scale)
    dtype = accumulation_dtype(image.dtype)
    matched = logit_scale * (image[text_image].to(dtype) * text.to(dtype)).sum(-1)
    positive = torch.ones_like(matched) if text_is_positive is None else text_is_positive.to(dtype)

    positives_of = torch.zeros_like(row).index_add(0, text_image, positive)
    weight = positive / positives_of[text_image].clamp(min=1)
    image_loss = (weight * (row[text_image] - matched)).sum()
    text_loss = (positive * (col - matched)).sum()
    if reduction == "mean":
        image_loss = image_loss / (positives_of > 0).sum().clamp(min=1)
        text_loss = text_loss / positive.sum().clamp(min=1)
    loss: Tensor = (image_loss + text_loss) / 2
    return loss


# Composite: autograd, fake tensors and every device come from the ops it is made of.
torch.library.define(
    "alignops::multi_positive_contrastive_loss",
    "(Tensor image, Tensor text, Tensor text_image, Tensor? text_is_positive, Tensor logit_scale,"
    ' str reduction="mean") -> Tensor',
)
torch.library.impl("alignops::multi_positive_contrastive_loss", "CompositeImplicitAutograd")(_loss)

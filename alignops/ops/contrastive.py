"""`alignops::multi_positive_contrastive_loss`: MosaiCLIP's, on `similarity_logsumexp`."""

import torch
from torch import Tensor
from torch.distributed import ProcessGroup

from alignops.ops.arguments import embedding_pair
from alignops.ops.logsumexp import scale_tensor
from alignops.ops.matched import matched_similarity

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
        text_image: (T,) int64, the image in [0, B) that each text belongs to.
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
        RuntimeError: a second derivative is asked for, or (on the CPU) a value of `text_image` is
            not the index of an image.
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
    matched = logit_scale * matched_similarity(image, text, text_image)
    of_image, of_text = _weights(row, text_image, text_is_positive, reduction)
    image_terms = of_image * (row.index_select(0, text_image) - matched)
    loss: Tensor = (image_terms + of_text * (col - matched)).sum() / 2
    return loss


@torch.no_grad()
def _weights(
    row: Tensor, text_image: Tensor, text_is_positive: Tensor | None, reduction: str
) -> tuple[Tensor, Tensor]:
    """What each text counts (T,) in the loss of the images and in that of the texts."""
    if text_is_positive is None:
        of_text = row.new_ones(text_image.shape)
    else:
        of_text = text_is_positive.to(row.dtype)
    positives = row.new_zeros(row.shape).index_add(0, text_image, of_text)
    of_image = of_text / positives.clamp(min=1).index_select(0, text_image)
    if reduction == "sum":
        return of_image, of_text
    images = (positives > 0).sum().clamp(min=1)
    return of_image / images, of_text / of_text.sum().clamp(min=1)


# Composite: autograd, fake tensors and every device come from the ops it is made of.
torch.library.define(
    "alignops::multi_positive_contrastive_loss",
    "(Tensor image, Tensor text, Tensor text_image, Tensor? text_is_positive, Tensor logit_scale,"
    ' str reduction="mean") -> Tensor',
)
torch.library.impl("alignops::multi_positive_contrastive_loss", "CompositeImplicitAutograd")(_loss)

"""Contrastive loss of images with several positive texts and hard negatives (MosaiCLIP)."""

from torch import Tensor, nn

from alignops.ops import multi_positive_contrastive_loss
from alignops.ops.arguments import one_of


class MultiPositiveContrastiveLoss(nn.Module):
    """MosaiCLIP's loss (arXiv 2305.13812): see `alignops.multi_positive_contrastive_loss`.

    Without a positive text in the batch the loss is 0, with zero gradient.

    Args:
        reduction: "mean" over images and over positive texts, or "sum", the paper's printed form.

    Raises:
        TypeError: `reduction` is no string.
        ValueError: `reduction` is another word.
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = one_of(reduction, "reduction", ("mean", "sum"))

    def forward(
        self,
        image: Tensor,
        text: Tensor,
        image_index: Tensor,
        text_is_positive: Tensor | None = None,
        *,
        logit_scale: float | Tensor,
    ) -> Tensor:
        """Compute the loss of a batch, 0-d.

        Args:
            image: (B, D) L2-normalised image embeddings.
            text: (T, D) L2-normalised text embeddings, positives and hard negatives of all images.
            image_index: (T,) int64, the image each text belongs to.
            text_is_positive: (T,) bool, False for a hard negative; None = all positive.
            logit_scale: scale of the similarities: a float, or a 0-d tensor, which receives a
                gradient.

        Raises:
            TypeError, ValueError: as the op.
        """
        return multi_positive_contrastive_loss(
            image,
            text,
            image_index,
            text_is_positive,
            logit_scale=logit_scale,
            reduction=self.reduction,
        )

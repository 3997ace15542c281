"""Contrastive loss of images with several positive texts and hard negatives (MosaiCLIP)."""

from torch import Tensor, nn

from alignops.ops import multi_positive_contrastive_loss


class MultiPositiveContrastiveLoss(nn.Module):
    """MosaiCLIP's loss (arXiv 2305.13812): see `alignops.multi_positive_contrastive_loss`.

    Args:
        reduction: "mean" over images and over positive texts, or "sum", the paper's printed form.
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in ("mean", "sum"):
            raise ValueError(f"reduction is {reduction!r}, expected 'mean' or 'sum'")
        self.reduction = reduction

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
            text_is_positive: (T,) bool, default all True.
            logit_scale: factor of the similarities; a 0-d tensor may take gradient.
        """
        return multi_positive_contrastive_loss(
            image,
            text,
            image_index,
            text_is_positive,
            logit_scale=logit_scale,
            reduction=self.reduction,
        )

"""CLIP's symmetric contrastive loss."""

import torch
from torch import Tensor, nn

from alignops.ops import multi_positive_contrastive_loss
from alignops.ops.arguments import check_embeddings, check_pairs


class ClipLoss(nn.Module):
    """Symmetric cross-entropy over a batch of pairs (CLIP, arXiv 2103.00020).

    The (B, B) logits are never built.
    """

    def forward(self, image: Tensor, text: Tensor, logit_scale: float | Tensor) -> Tensor:
        """Compute the loss of a batch, 0-d.

        Args:
            image: (B, D) L2-normalised image embeddings.
            text: (B, D) L2-normalised text embeddings; text i belongs to image i.
            logit_scale: scale of the similarities: a float, or a 0-d tensor, which receives a
                gradient.

        Raises:
            TypeError: an argument's type is not one of the above.
            ValueError: the batches do not fit together, or `logit_scale` is not finite.
        """
        check_embeddings(image, text, ("image", "text"), dims=2)
        check_pairs(image, text, ("image", "text"))
        image_index = torch.arange(len(text), device=text.device)
        return multi_positive_contrastive_loss(image, text, image_index, logit_scale=logit_scale)

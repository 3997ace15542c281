"""Swapped prediction of prototype assignments between images and texts (AAHR)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from alignops.ops.arguments import (
    check_embeddings,
    check_pairs,
    check_size,
    positive_number,
    whole_number,
)


@torch.no_grad()
def sinkhorn(scores: Tensor, epsilon: float = 0.1, iterations: int = 3) -> Tensor:
    """Assign samples to prototypes softly, using all prototypes equally (Sinkhorn-Knopp).

    Args:
        scores: (B, K).
        epsilon: entropy regularisation; smaller values give harder assignments.
        iterations: number of normalisations, each of prototypes, then of samples.

    Returns:
        (B, K) without gradient; every row sums to 1.
    """
    logits = scores / epsilon
    for _ in range(iterations):
        logits = logits.log_softmax(dim=0).log_softmax(dim=1)
    return logits.exp()


class PrototypeContrastiveLoss(nn.Module):
    """Swapped prediction of prototype assignments (AAHR, arXiv 2507.09256).

    An image predicts its text's assignment, and vice versa. With scores s against L2-normalised
    learned prototypes and assignments q = sinkhorn(s), the loss is the mean over the batch of
    `-sum_k q_text log_softmax(s_image / temperature)`, plus the same with image and text swapped.

    Args:
        prototypes: number of prototypes, K.
        dim: size D of the embeddings.
        temperature: of the prediction.
        epsilon: of `sinkhorn`.
        iterations: of `sinkhorn`.

    Raises:
        TypeError: an argument's type is not one of the above.
        ValueError: a number is out of its range.
    """

    def __init__(
        self,
        prototypes: int,
        dim: int,
        temperature: float = 0.1,
        epsilon: float = 0.1,
        iterations: int = 3,
    ) -> None:
        super().__init__()
        prototypes, dim = whole_number(prototypes, "prototypes", 1), whole_number(dim, "dim", 1)
        self.prototypes = nn.Parameter(normalize(torch.randn(prototypes, dim), dim=-1))
        self.temperature = positive_number(temperature, "temperature")
        self.epsilon = positive_number(epsilon, "epsilon")
        self.iterations = whole_number(iterations, "iterations", 1)

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        """Compute the loss of a batch, 0-d; 0 for an empty batch.

        Args:
            image: (B, D) embeddings.
            text: (B, D) embeddings; text i belongs to image i.

        Raises:
            TypeError: an argument is no tensor of floating type.
            ValueError: shapes or devices do not fit together.
        """
        check_embeddings(image, text, ("image", "text"), dims=2)
        check_pairs(image, text, ("image", "text"))
        check_size(image, "image", self.prototypes.shape[1])
        prototypes = normalize(self.prototypes, dim=-1)
        image_scores, text_scores = image @ prototypes.T, text @ prototypes.T
        return self._predict(image_scores, text_scores) + self._predict(text_scores, image_scores)

    def _predict(self, scores: Tensor, other_scores: Tensor) -> Tensor:
        target = sinkhorn(other_scores, self.epsilon, self.iterations)
        each = (target * (scores / self.temperature).log_softmax(dim=-1)).sum(dim=-1)
        return -each.sum() / max(len(each), 1)

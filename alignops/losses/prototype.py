"""Swapped prediction of prototype assignments between images and texts (AAHR)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize


@torch.no_grad()
def sinkhorn(scores: Tensor, epsilon: float = 0.1, iterations: int = 3) -> Tensor:
    """Assign samples to prototypes softly, all prototypes alike often (Sinkhorn-Knopp).

    Args:
        scores: (B, K).
        epsilon: the smaller, the harder the assignment.
        iterations: normalisations of prototypes, then samples.

    Returns:
        (B, K) without gradient; every row sums to 1.
    """
    logits = scores / epsilon
    for _ in range(iterations):
        logits = logits.log_softmax(dim=0).log_softmax(dim=1)
    return logits.exp()


class PrototypeContrastiveLoss(nn.Module):
    """An image is to predict its text's prototypes, and the text the image's (AAHR, 2507.09256).

    With scores s against L2-normalised learned prototypes and assignments q = sinkhorn(s), the mean
    over the batch of `-sum_k q_text log_softmax(s_image / temperature)`, plus the mirror.

    Args:
        prototypes: how many, K.
        dim: size D of the embeddings.
        temperature: of the prediction.
        epsilon: of `sinkhorn`.
        iterations: of `sinkhorn`.
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
        self.prototypes = nn.Parameter(normalize(torch.randn(prototypes, dim), dim=-1))
        self.temperature = temperature
        self.epsilon = epsilon
        self.iterations = iterations

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        """Compute the loss of embeddings (B, D) of images and of their texts, 0-d."""
        prototypes = normalize(self.prototypes, dim=-1)
        image_scores, text_scores = image @ prototypes.T, text @ prototypes.T
        return self._predict(image_scores, text_scores) + self._predict(text_scores, image_scores)

    def _predict(self, scores: Tensor, other_scores: Tensor) -> Tensor:
        target = sinkhorn(other_scores, self.epsilon, self.iterations)
        return -(target * (scores / self.temperature).log_softmax(dim=-1)).sum(dim=-1).mean()

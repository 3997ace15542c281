"""ComAlign's objective: an encoder for each side, and the loss on three levels."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from alignops.losses import ComponentFeatures, FineGrainedContrastiveLoss
from alignops.models import ComAlignEncoder


@dataclass(frozen=True)
class EncoderConfig:
    """The two transformers.

    Attributes:
        layers: of each; the paper finds 1 or 2 best, 4 overfit.
        heads: attention heads.
        temperature: initial temperature of the loss.
    """

    layers: int = 2
    heads: int = 4
    temperature: float = 0.07


class ComAlignObjective(nn.Module):
    """Two encoders and the three-level loss (ComAlign, arXiv 2409.08206).

    Args:
        dim: size D of the frozen embeddings.
        config: what is trained.
    """

    def __init__(self, dim: int, config: EncoderConfig) -> None:
        super().__init__()
        self.image = ComAlignEncoder(dim, config.layers, config.heads)
        self.text = ComAlignEncoder(dim, config.layers, config.heads)
        self.loss = FineGrainedContrastiveLoss(config.temperature)

    def forward(self, batch: tuple[ComponentFeatures, ComponentFeatures]) -> Mapping[str, Tensor]:
        """Compute the loss of the frozen components of B images and of their captions."""
        image, text = batch
        losses: Mapping[str, Tensor] = self.loss(self.image(image), self.text(text))
        return losses

"""PowerCLIP's objective: contrast of the whole, and a triplet loss over subsets of parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from alignops.losses import ClipLoss, PowersetTripletLoss
from alignops.methods.powerclip.examples import PowerClipBatch
from alignops.models import DualEncoder, ImageEmbeddings, TextEmbeddings
from alignops.models.phrase_pooling import pool_spans
from alignops.models.region_pooling import pool_regions


@dataclass(frozen=True)
class PowersetConfig:
    """The triplet loss.

    Attributes:
        weight: of the triplet loss beside the contrastive one.
        tau: temperature of the aggregators.
        zeta: interpolation between the bounds of the similarity of regions to text.
        margin: of the triplet; the paper does not state it.
        directions: of the similarity; one alone is an ablation.
        subsets: False aligns single regions, as an ablation.
        exact: True takes all subsets of at most 20 regions instead of the aggregators.
    """

    weight: float = 0.2
    tau: float = 0.001
    zeta: float = 0.75
    margin: float = 0.2
    directions: tuple[Literal["r2t", "t2r"], ...] = ("r2t", "t2r")
    subsets: bool = True
    exact: bool = False


class PowerClipObjective(nn.Module):
    """The contrastive loss of a batch of pairs, and the triplet loss of their parts."""

    def __init__(self, model: DualEncoder, pooling: str, config: PowersetConfig) -> None:
        super().__init__()
        self.model = model
        self.pooling = pooling
        self.weight = config.weight
        self.contrastive = ClipLoss()
        self.powerset = PowersetTripletLoss(
            tau=config.tau,
            zeta=config.zeta,
            margin=config.margin,
            directions=config.directions,
            subsets=config.subsets,
            exact=config.exact,
        )

    def forward(self, batch: PowerClipBatch) -> Mapping[str, Tensor]:
        """Compute both terms, the second with its weight."""
        image = self.model.encode_patches(batch.images)
        text = self.model.encode_tokens(batch.tokens)
        regions, phrases = self.parts(batch, image, text)
        triplet = self.powerset(regions, phrases, batch.region_mask, batch.phrase_mask)
        return {
            "contrastive": self.contrastive(image.pooled, text.pooled, self.model.logit_scale),
            "powerset": self.weight * triplet,
        }

    def parts(
        self, batch: PowerClipBatch, image: ImageEmbeddings, text: TextEmbeddings
    ) -> tuple[Tensor, Tensor]:
        """Embed regions (B, M, D) and phrases (B, K, D), from the patches and the tokens."""
        regions = pool_regions(image.patches, batch.cover)
        phrases = pool_spans(text.tokens, batch.spans)
        if self.pooling == "mean":
            phrases = phrases / batch.spans.diff(dim=2).clamp(min=1)
        return regions, phrases.to(regions.dtype)

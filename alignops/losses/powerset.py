"""PowerCLIP's triplet loss: every subset of an image's regions against every phrase."""

from collections.abc import Collection
from typing import Literal

import torch
from torch import Tensor, nn

from alignops.losses.triplet import hardest_triplet
from alignops.ops import fgm_similarity, powerset_similarity

Direction = Literal["r2t", "t2r"]


class PowersetTripletLoss(nn.Module):
    """Hinge on the hardest negative of `S = t2r + r2t`, both ways (PowerCLIP, arXiv 2511.23170).

    With `l(X) = 1/B sum_i max(max_{j != i} X_ij - X_ii + margin, 0)` the loss is l(S) + l(S^T), S
    being `alignops.powerset_similarity`. An image without a region, or a caption without a phrase,
    takes its pair out, as an anchor and as a negative. The paper does not state its margin.

    Args:
        tau: temperature of the aggregators.
        zeta: interpolation between the bounds of r2t.
        margin: by how much a pair shall be ahead of its hardest negative.
        directions: of the similarity; both, or one as an ablation.
        subsets: False aligns single regions, by `alignops.fgm_similarity`, as an ablation.
    """

    def __init__(
        self,
        *,
        tau: float = 0.001,
        zeta: float = 0.75,
        margin: float = 0.2,
        directions: Collection[Direction] = ("r2t", "t2r"),
        subsets: bool = True,
    ) -> None:
        super().__init__()
        if not directions or not set(directions) <= {"r2t", "t2r"}:
            raise ValueError(f"directions is {directions!r}, expected some of 'r2t', 't2r'")
        self.tau, self.zeta, self.margin = tau, zeta, margin
        self.directions = directions
        self.subsets = subsets

    def similarity(
        self,
        regions: Tensor,
        phrases: Tensor,
        region_mask: Tensor | None = None,
        phrase_mask: Tensor | None = None,
    ) -> Tensor:
        """Compute S (Bi, Bt) of Bi images and Bt captions; arguments as those of `forward`."""
        if self.subsets:
            r2t, t2r = powerset_similarity(
                regions, phrases, region_mask, phrase_mask, tau=self.tau, zeta=self.zeta
            )
        else:
            r2t, t2r = fgm_similarity(regions, phrases, region_mask, phrase_mask)
        chosen = {"r2t": r2t, "t2r": t2r}
        return torch.stack([chosen[name] for name in self.directions]).sum(dim=0)

    def forward(
        self,
        regions: Tensor,
        phrases: Tensor,
        region_mask: Tensor | None = None,
        phrase_mask: Tensor | None = None,
    ) -> Tensor:
        """Compute the loss of a batch, 0-d.

        Args:
            regions: (B, M, D) of B images, L2-normalised.
            phrases: (B, K, D) of their B captions, sums of normalised tokens.
            region_mask: (B, M) bool, True = valid; None = all valid.
            phrase_mask: (B, K) bool, likewise.

        Raises:
            ValueError: there is not one caption per image.
        """
        if len(regions) != len(phrases):
            raise ValueError(
                f"regions has {len(regions)} images and phrases {len(phrases)} captions; "
                "PowersetTripletLoss takes one caption per image"
            )
        score = self.similarity(regions, phrases, region_mask, phrase_mask)
        takes_part = torch.ones(len(score), dtype=torch.bool, device=score.device)
        for mask in (region_mask, phrase_mask):
            if mask is not None:
                takes_part = takes_part & mask.any(dim=1)
        is_negative = takes_part & ~torch.diag(takes_part)
        hinges = [hardest_triplet(s, self.margin, is_negative) for s in (score, score.T)]
        return (torch.stack(hinges) * takes_part).sum() / max(len(score), 1)

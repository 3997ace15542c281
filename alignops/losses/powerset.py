"""PowerCLIP's triplet loss: every subset of an image's regions against every phrase."""

import math
from collections.abc import Collection
from typing import Literal

import torch
from torch import Tensor, nn

from alignops.losses.matching import takes_part
from alignops.losses.triplet import hardest_triplet
from alignops.ops import fgm_similarity, powerset_similarity
from alignops.ops.arguments import (
    check_pairs,
    component_pair,
    flag,
    number_between,
    positive_number,
)
from alignops.ops.errors import Given, wrong_type, wrong_value

Direction = Literal["r2t", "t2r"]
_DIRECTIONS = (("r2t", "t2r"), ("t2r", "r2t"), ("r2t",), ("t2r",))


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

    Raises:
        TypeError: an argument's type is not one of the above.
        ValueError: a number is out of its range, or `directions` is not one or both of the two.
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
        self.tau, self.zeta = positive_number(tau, "tau"), number_between(zeta, "zeta", 0, 1)
        self.margin = number_between(margin, "margin", 0, math.inf)
        self.directions = _checked_directions(directions)
        self.subsets = flag(subsets, "subsets")

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
            regions, phrases, region_mask, phrase_mask = component_pair(
                regions, phrases, region_mask, phrase_mask, ("regions", "phrases")
            )
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
            regions: (B, M, D) of B images, L2-normalised; or a jagged nested tensor.
            phrases: (B, K, D) of their B captions, sums of normalised tokens; or a jagged nested
                tensor.
            region_mask: (B, M) bool, True = valid; None = all valid.
            phrase_mask: (B, K) bool, likewise.

        Raises:
            TypeError: an argument's type is not one of the above.
            ValueError: the arguments do not fit together: one caption per image.
        """
        # Jagged regions come back padded, with the mask that says which images have any.
        regions, phrases, region_mask, phrase_mask = component_pair(
            regions, phrases, region_mask, phrase_mask, ("regions", "phrases")
        )
        check_pairs(regions, phrases, ("regions", "phrases"))
        score = self.similarity(regions, phrases, region_mask, phrase_mask)
        pairs = takes_part(regions, phrases, region_mask, phrase_mask)
        is_negative = pairs & ~torch.diag(pairs)
        hinges = [hardest_triplet(s, self.margin, is_negative) for s in (score, score.T)]
        return (torch.stack(hinges) * pairs).sum() / max(len(score), 1)


def _checked_directions(directions: Collection[Direction]) -> tuple[Direction, ...]:
    expected = "a tuple of 'r2t', 't2r' or both"
    if isinstance(directions, str) or not isinstance(directions, Collection):
        raise wrong_type("directions", directions, expected)
    chosen = tuple(directions)
    if chosen not in _DIRECTIONS:
        raise wrong_value("directions", Given(repr(directions)), expected)
    return chosen

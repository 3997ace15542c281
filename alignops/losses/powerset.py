"""PowerCLIP's triplet loss: every subset of an image's regions against every phrase."""

import math
from collections.abc import Collection
from typing import Literal

import torch
from torch import Tensor, nn

from alignops.losses.matching import takes_part
from alignops.losses.triplet import hardest_triplet
from alignops.ops import exact_powerset_similarity, fgm_similarity, powerset_similarity
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

    With `l(X) = 1/B sum_i max(max_{j != i} X_ij - X_ii + margin, 0)` the loss is l(S) + l(S^T),
    where S is `alignops.powerset_similarity`. A pair whose image has no region or whose caption has
    no phrase is left out, as anchor and as negative. The paper does not state its margin.

    Args:
        tau: temperature of the aggregators.
        zeta: interpolation between the bounds of r2t.
        margin: required lead of a pair over its hardest negative.
        directions: terms of S: both, or one as an ablation.
        subsets: False aligns single regions, by `alignops.fgm_similarity`, as an ablation.
        exact: True enumerates all 2^M subsets of M <= 20 regions, by
            `alignops.exact_powerset_similarity`, instead of the paper's approximation; tau and zeta
            then have no effect. On a CPU, 10 regions cost about as much as the aggregators.

    Raises:
        TypeError: an argument's type is not one of the above.
        ValueError: a number is out of its range, `directions` is not one or both of the two, or
            `exact` asks for subsets that `subsets` rules out.
    """

    def __init__(
        self,
        *,
        tau: float = 0.001,
        zeta: float = 0.75,
        margin: float = 0.2,
        directions: Collection[Direction] = ("r2t", "t2r"),
        subsets: bool = True,
        exact: bool = False,
    ) -> None:
        super().__init__()
        self.tau, self.zeta = positive_number(tau, "tau"), number_between(zeta, "zeta", 0, 1)
        self.margin = number_between(margin, "margin", 0, math.inf)
        self.directions = _checked_directions(directions)
        self.subsets, self.exact = flag(subsets, "subsets"), flag(exact, "exact")
        if self.exact and not self.subsets:
            raise wrong_value("exact", exact, "False, as subsets is False")

    def similarity(
        self,
        regions: Tensor,
        phrases: Tensor,
        region_mask: Tensor | None = None,
        phrase_mask: Tensor | None = None,
    ) -> Tensor:
        """Compute S (Bi, Bt) of Bi images and Bt captions; arguments as in `forward`."""
        if self.exact:
            r2t, t2r = exact_powerset_similarity(regions, phrases, region_mask, phrase_mask)
        elif self.subsets:
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
            ValueError: the arguments do not fit together, or there is not one caption per image.
        """
        # Jagged regions come back padded, with a mask that tells which images have any.
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

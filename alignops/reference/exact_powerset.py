"""The similarity over all subsets of regions that PowerCLIP (arXiv 2511.23170) approximates.

Shapes: regions (Bi, M, D) with M <= 20, phrases (Bt, K, D); s[m, B] = <region m, phrase B>, and for
a subset A of the regions Q[A, B] = sum over m in A of s[m, B]; the empty subset counts.

    r2t = mean over A of max over valid B of Q[A, B]
    t2r = mean over valid B of max over A of Q[A, B] = mean over valid B of sum over m of max(s[m,
    B], 0)

An invalid region counts as a row of zeros, which leaves the mean over subsets unchanged. A pair
without a valid region or without a valid phrase scores 0 with zero gradient. On a tie the lowest
phrase takes the gradient.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from alignops.reference.components import accumulated, pairwise, pairwise_backward, valid

# Subsets enumerated at a time. A pair takes this times K values of memory, whatever M is.
_CHUNK = 256


def exact_powerset_similarity(
    regions: Tensor,
    phrases: Tensor,
    region_mask: Tensor | None = None,
    phrase_mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """(r2t, t2r), both (Bi, Bt)."""
    s = pairwise(accumulated(regions, region_mask), accumulated(phrases, phrase_mask))
    phrase_valid = valid(phrases, phrase_mask)
    count = phrase_valid.sum(-1)
    t2r = s.clamp(min=0).sum(-2).masked_fill(~phrase_valid, 0).sum(-1) / count.clamp(min=1)
    r2t = torch.zeros_like(t2r)
    if s.shape[-1] == 0:
        return r2t, t2r
    for subsets in _subsets(s):
        r2t += (subsets @ s).masked_fill(~phrase_valid[:, None], -torch.inf).amax(-1).sum(-1)
    return (r2t / 2 ** s.shape[-2]).masked_fill(count == 0, 0), t2r


def exact_powerset_similarity_backward(
    grad_r2t: Tensor,
    grad_t2r: Tensor,
    regions: Tensor,
    phrases: Tensor,
    region_mask: Tensor | None,
    phrase_mask: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Gradients of regions and phrases.

    The gradient of s[m, B] is the share of subsets that contain m and that phrase B wins.
    """
    x, y = accumulated(regions, region_mask), accumulated(phrases, phrase_mask)
    s = pairwise(x, y)
    phrase_valid = valid(phrases, phrase_mask)
    wins = torch.zeros_like(s)
    if s.shape[-1] > 0:
        for subsets in _subsets(s):
            winner = (subsets @ s).masked_fill(~phrase_valid[:, None], -torch.inf).max(-1).indices
            won = torch.nn.functional.one_hot(winner, s.shape[-1]).to(s.dtype)
            wins += subsets.mT @ won
    grad = grad_r2t[..., None, None] * wins / 2 ** s.shape[-2]
    share = grad_t2r / phrase_valid.sum(-1).clamp(min=1)
    grad = grad + share[..., None, None] * (s > 0)
    pair_valid = valid(regions, region_mask)[:, None, :, None] & phrase_valid[None, :, None, :]
    grad_regions, grad_phrases = pairwise_backward(grad.masked_fill(~pair_valid, 0), x, y)
    return grad_regions.to(regions.dtype), grad_phrases.to(phrases.dtype)


def _subsets(s: Tensor) -> Iterator[Tensor]:
    """Yield all subsets of the M regions as rows of zeros and ones, (chunk, M)."""
    regions = s.shape[-2]
    bit = torch.arange(regions, device=s.device)
    for codes in torch.arange(2**regions, device=s.device).split(_CHUNK):  # type: ignore[no-untyped-call]
        yield (codes.unsqueeze(-1) >> bit & 1).to(s.dtype)

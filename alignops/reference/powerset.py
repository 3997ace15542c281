"""Powerset similarity by PowerCLIP's non-linear aggregators (arXiv 2511.23170): O(M), not O(2^M).

Shapes: regions (Bi, M, D), phrases (Bt, K, D), masks (Bi, M) and (Bt, K); s[m, B] = <region m,
phrase B>.

    NLA-T1: t2r = mean_B sum_m tau * softplus(s / tau)
    NLA-T2: r2t = tau * logsumexp_B( 1/tau * sum_m [ s/2 + zeta * tau * logcosh(s / (2 tau)) ] )

Both follow from one exponential, e = exp(-|s| / tau), which never overflows:

    tau * softplus(s / tau)        = max(s, 0) + tau * log1p(e)
    tau * logcosh(s / (2 tau))     = tau * softplus(s / tau) - s/2 - tau * log 2

Where |s| < tau / 2 the second line would cancel; there logcosh is log1p(cosh - 1).

A pair without a valid region or without a valid phrase scores 0 with zero gradient.
"""

import math

import torch
from torch import Tensor

from alignops.reference.components import accumulated, pairwise, pairwise_backward, valid


def powerset_similarity(
    regions: Tensor,
    phrases: Tensor,
    region_mask: Tensor | None = None,
    phrase_mask: Tensor | None = None,
    tau: float | Tensor = 0.001,
    zeta: float = 0.75,
) -> tuple[Tensor, Tensor]:
    """(r2t, t2r), both (Bi, Bt)."""
    tau = float(tau)
    s, region_valid, phrase_valid = _similarities(regions, phrases, region_mask, phrase_mask)
    pair_valid = region_valid.any(-1)[:, None] & phrase_valid.any(-1)
    upper, node = _aggregate(s, region_valid, tau, zeta)
    t2r = upper.masked_fill(~phrase_valid, 0).sum(-1) / phrase_valid.sum(-1).clamp(min=1)
    r2t = tau * torch.logsumexp(node.masked_fill(~phrase_valid, -torch.inf) / tau, -1)
    return r2t.masked_fill(~pair_valid, 0), t2r.masked_fill(~pair_valid, 0)


def powerset_similarity_backward(
    grad_r2t: Tensor,
    grad_t2r: Tensor,
    regions: Tensor,
    phrases: Tensor,
    region_mask: Tensor | None,
    phrase_mask: Tensor | None,
    tau: float | Tensor,
    zeta: float,
) -> tuple[Tensor, Tensor]:
    """Gradients of regions and phrases."""
    tau = float(tau)
    s, region_valid, phrase_valid = _similarities(regions, phrases, region_mask, phrase_mask)
    pair_valid = region_valid[:, None, :, None] & phrase_valid[None, :, None, :]
    _, node = _aggregate(s, region_valid, tau, zeta)
    chosen = torch.softmax(node.masked_fill(~phrase_valid, -torch.inf) / tau, -1)
    through_r2t = (
        (grad_r2t.unsqueeze(-1) * chosen).unsqueeze(-2) * (1 + zeta * torch.tanh(s / (2 * tau))) / 2
    )
    share = grad_t2r / phrase_valid.sum(-1).clamp(min=1)
    grad = through_r2t + share[..., None, None] * torch.sigmoid(s / tau)
    grad = grad.masked_fill(~pair_valid, 0)
    grad_regions, grad_phrases = pairwise_backward(
        grad, accumulated(regions, region_mask), accumulated(phrases, phrase_mask)
    )
    return grad_regions.to(regions.dtype), grad_phrases.to(phrases.dtype)


def _similarities(
    regions: Tensor, phrases: Tensor, region_mask: Tensor | None, phrase_mask: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    s = pairwise(accumulated(regions, region_mask), accumulated(phrases, phrase_mask))
    return s, valid(regions, region_mask), valid(phrases, phrase_mask)


def _aggregate(s: Tensor, region_valid: Tensor, tau: float, zeta: float) -> tuple[Tensor, Tensor]:
    """Sums over valid regions inside NLA-T1 and NLA-T2, for each node (Bi, Bt, K)."""
    near = s.abs() < tau / 2
    # Autograd differentiates both branches: the one for small s must be finite for all s.
    cosh_minus_1 = 2 * torch.sinh((s / (4 * tau)).clamp(-1, 1)) ** 2
    log1p = torch.log1p(torch.where(near, cosh_minus_1, torch.exp(-s.abs() / tau)))
    upper = torch.where(near, s / 2, s.clamp(min=0)) + tau * log1p
    log_two = torch.full_like(s, tau * math.log(2))
    softplus = upper + log_two.where(near, 0)
    bracket = zeta * (upper - log_two.where(~near, 0)) + (1 - zeta) / 2 * s
    invalid = ~region_valid[:, None, :, None]
    return softplus.masked_fill(invalid, 0).sum(-2), bracket.masked_fill(invalid, 0).sum(-2)

"""The ops as users write them in plain torch, without masks, in torch's fastest form."""

import math

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu, softplus


def fgm_similarity(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """FILIP similarity, MaxSim in both directions."""
    s = _similarities(x, y)
    return _maximum(s, 3).mean(1), _maximum(s, 1).mean(2)


def powerset_similarity(
    regions: Tensor, phrases: Tensor, tau: float = 0.001, zeta: float = 0.75
) -> tuple[Tensor, Tensor]:
    """PowerCLIP's NLA-T2 and NLA-T1.

    Both share one softplus: tau logcosh(s / (2 tau)) = tau softplus(s / tau) - s / 2 - tau log 2.
    """
    s = _similarities(regions, phrases)
    upper = softplus(s, beta=1 / tau).sum(1)
    node = (1 - zeta) / 2 * s.sum(1) + zeta * (upper - s.shape[1] * tau * math.log(2))
    return tau * torch.logsumexp(node / tau, -1), upper.mean(-1)


def exact_powerset_similarity(regions: Tensor, phrases: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over subsets of the best phrase, and mean over phrases of the best subset."""
    s = torch.einsum("imd,jkd->ijmk", regions, phrases)
    region = torch.arange(regions.shape[1], device=s.device)
    subset = torch.arange(2 ** len(region), device=s.device)
    subsets = (subset[:, None] >> region & 1).to(s.dtype)
    return _maximum(subsets @ s, -1).mean(-1), s.clamp(min=0).sum(-2).mean(-1)


def scan_similarity(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """SCAN's similarity, for embeddings of norm 1."""
    c = leaky_relu(_similarities(x, y), 0.1)
    of_x = (c / c.square().sum(1, keepdim=True).sqrt()).amax(3).mean(1)
    of_y = (c / c.square().sum(3, keepdim=True).sqrt()).amax(1).mean(2)
    return of_x, of_y


def similarity_logsumexp(x: Tensor, y: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Logsumexp over rows and over columns of the similarity matrix."""
    s = scale * x @ y.T
    return torch.logsumexp(s, 1), torch.logsumexp(s, 0)


def multi_positive_contrastive_loss(
    image: Tensor, text: Tensor, image_index: Tensor, text_is_positive: Tensor, logit_scale: float
) -> Tensor:
    """MosaiCLIP's loss if every image has a positive text."""
    logits = logit_scale * image @ text.T
    matched = logits[image_index, torch.arange(len(text), device=text.device)]
    positive = text_is_positive.to(logits.dtype)
    positives_of = torch.zeros_like(logits[:, 0]).index_add(0, image_index, positive)
    of_image = (torch.logsumexp(logits, 1)[image_index] - matched) / positives_of[image_index]
    of_text = torch.logsumexp(logits, 0) - matched
    image_loss = (positive * of_image).sum() / len(image)
    text_loss = (positive * of_text).sum() / positive.sum()
    return (image_loss + text_loss) / 2


def _similarities(x: Tensor, y: Tensor) -> Tensor:
    """Similarities (Bx, N, By, M), in the order of one matrix product."""
    s = x.flatten(0, 1) @ y.flatten(0, 1).T
    return s.view(*x.shape[:2], *y.shape[:2])


def _maximum(s: Tensor, dim: int) -> Tensor:
    """Maximum by `max`: `amax` is faster forward, but has a dense gradient."""
    return s.max(dim).values if torch.is_grad_enabled() else s.amax(dim)

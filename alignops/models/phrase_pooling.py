"""Embeddings of phrases from those of tokens."""

import torch
from torch import Tensor
from torch.nn.functional import normalize, pad


def pool_spans(tokens: Tensor, spans: Tensor) -> Tensor:
    """Sum the tokens of each phrase: p_B = sum_m' psi_m', psi the normalised tokens (PowerCLIP).

    All phrases of a batch are differences of one prefix sum, taken by one gather.

    Args:
        tokens: (B, L, D) token embeddings; normalised here.
        spans: (B, K, 2) int64, first token and one past the last; padding is (0, 0).

    Returns:
        (B, K, D), in float32 or float64; zero for padding.
    """
    units = normalize(tokens.to(torch.promote_types(tokens.dtype, torch.float32)), dim=-1)
    before = pad(units.cumsum(dim=1), (0, 0, 1, 0))
    ends = spans.flatten(1)[..., None].expand(-1, -1, tokens.shape[-1])
    sums = before.gather(1, ends).view(*spans.shape, -1)
    return sums[:, :, 1] - sums[:, :, 0]

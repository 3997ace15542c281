"""Embeddings of regions from those of patches."""

from torch import Tensor
from torch.nn.functional import normalize


def pool_regions(patches: Tensor, cover: Tensor) -> Tensor:
    """Pool the patches of each region: phi_m = r_m / |r_m|, r_m = sum_n R_mn v_n (PowerCLIP).

    Args:
        patches: (B, P, D) patch embeddings v.
        cover: (B, M, P) share R of each patch that a region covers; padding is zero.

    Returns:
        (B, M, D), L2-normalised; zero for padding.
    """
    return normalize(cover @ patches, dim=-1)

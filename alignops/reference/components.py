"""Shared by the references of the component ops: accumulation type, masks, dense similarities.

A batch of components is (B, N, D) with an optional (B, N) bool mask, True = valid. The values of
invalid components are never read and may be NaN.
"""

import torch
from torch import Tensor


def accumulation_dtype(dtype: torch.dtype) -> torch.dtype:
    """Accumulation type of an op: float32 for 16-bit inputs, else the inputs' type."""
    return torch.float32 if dtype in (torch.bfloat16, torch.float16) else dtype


def accumulated(components: Tensor, mask: Tensor | None) -> Tensor:
    """Components in the accumulation type, zero where the mask is False."""
    components = components.to(accumulation_dtype(components.dtype))
    return components if mask is None else components.masked_fill(~mask.unsqueeze(-1), 0)


def valid(components: Tensor, mask: Tensor | None) -> Tensor:
    """The mask, or (B, N) of True if it is None."""
    return components.new_ones(components.shape[:-1], dtype=torch.bool) if mask is None else mask


def pairwise(x: Tensor, y: Tensor) -> Tensor:
    """Dense similarities (Bx, By, N, M), which the kernels never build."""
    return torch.einsum("ikd,jld->ijkl", x, y)


def pairwise_backward(grad: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of `pairwise` with respect to x and y."""
    return torch.einsum("ijkl,jld->ikd", grad, y), torch.einsum("ijkl,ikd->jld", grad, x)

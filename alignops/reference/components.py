"""What the references of all component ops share: accumulation type, validity, masked similarities.

A batch of components is (B, N, D) with an optional (B, N) bool mask, True = valid. The values of
invalid components are never read: they may be NaN.
"""

import torch
from torch import Tensor


def accumulation_dtype(dtype: torch.dtype) -> torch.dtype:
    """The type in which an op accumulates: float32 for 16-bit inputs, else their own."""
    return torch.float32 if dtype in (torch.bfloat16, torch.float16) else dtype


def accumulated(components: Tensor, mask: Tensor | None) -> Tensor:
    """Components in their accumulation type, with zeros where the mask is False."""
    components = components.to(accumulation_dtype(components.dtype))
    return components if mask is None else components.masked_fill(~mask.unsqueeze(-1), 0)


def valid(components: Tensor, mask: Tensor | None) -> Tensor:
    """The mask itself, or (B, N) of True where there is none."""
    return components.new_ones(components.shape[:-1], dtype=torch.bool) if mask is None else mask


def pairwise(x: Tensor, y: Tensor) -> Tensor:
    """The dense tensor of similarities that the kernels never build: (Bx, By, N, M)."""
    return torch.einsum("ikd,jld->ijkl", x, y)


def pairwise_backward(grad: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of `pairwise` with respect to x and y."""
    return torch.einsum("ijkl,jld->ikd", grad, y), torch.einsum("ijkl,ikd->jld", grad, x)

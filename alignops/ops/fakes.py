"""Fake (meta) kernels that several ops share: what comes out, without computing it."""

from typing import Any

from torch import Tensor

from alignops.reference.components import accumulation_dtype


def pair_scores(x: Tensor, y: Tensor, *unused: Any) -> tuple[Tensor, Tensor]:
    """Two (Bx, By) scores in the accumulation type."""
    shape, dtype = (x.shape[0], y.shape[0]), accumulation_dtype(x.dtype)
    return x.new_empty(shape, dtype=dtype), x.new_empty(shape, dtype=dtype)


def pair_gradients(
    grad_a: Tensor, grad_b: Tensor, x: Tensor, y: Tensor, *unused: Any
) -> tuple[Tensor, Tensor]:
    """Gradients of x and y, contiguous whatever the layout of x and y."""
    return x.new_empty(x.shape), y.new_empty(y.shape)

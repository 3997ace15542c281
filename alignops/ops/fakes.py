"""Fake (meta) kernels shared by several ops: shapes and types of the outputs."""

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
    """Gradients of x and y, always contiguous."""
    return x.new_empty(x.shape), y.new_empty(y.shape)

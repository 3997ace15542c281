"""FILIP similarity, late interaction, MaxSim in both directions (arXiv 2111.07783); ComAlign's FGM.

Shapes: x (Bx, N, D), y (By, M, D), masks (Bx, N) and (By, M); s[i, j, k, l] = <x[i, k], y[j, l]>.

    x_to_y[i, j] = mean over valid k of max over valid l of s[i, j, k, l]
    y_to_x[i, j] = mean over valid l of max over valid k of s[i, j, k, l]

A pair in which either side has no valid component scores 0 with zero gradient. On a tie the lowest
index takes the gradient. A NaN in a valid component propagates.
"""

import torch
from torch import Tensor

from alignops.reference.components import accumulated, pairwise, pairwise_backward, valid

# Type of the empty tensors if no winners are saved: a compiler then needs no guard on sizes.
NOTHING_SAVED = torch.uint8


def argmax_dtype(count: int) -> torch.dtype:
    """The smallest integer type that holds an index below `count`."""
    if count <= 2**8:
        return torch.uint8
    return torch.int16 if count <= 2**15 else torch.int32


def fgm_similarity(
    x: Tensor,
    y: Tensor,
    x_mask: Tensor | None = None,
    y_mask: Tensor | None = None,
    save_argmax: bool = True,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Both directions (Bx, By), and the winners: over l (Bx, By, N), and over k (Bx, By, M).

    The winner of an invalid component, or of one without candidates, is meaningless but always in
    range: the backward refuses other indices. With `save_argmax=False` both index tensors are
    empty.
    """
    x_valid, y_valid = valid(x, x_mask), valid(y, y_mask)
    s = pairwise(accumulated(x, x_mask), accumulated(y, y_mask))
    x_to_y, x_argmax = _mean_of_max(s, x_valid[:, None], y_valid[None])
    y_to_x, y_argmax = _mean_of_max(s.mT, y_valid[None], x_valid[:, None])
    if not save_argmax:
        nothing = x_argmax.new_empty(0, dtype=NOTHING_SAVED)
        return x_to_y, y_to_x, nothing, torch.empty_like(nothing)
    return (
        x_to_y,
        y_to_x,
        x_argmax.to(argmax_dtype(y.shape[1])),
        y_argmax.to(argmax_dtype(x.shape[1])),
    )


def _mean_of_max(s: Tensor, row_valid: Tensor, column_valid: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over valid rows of the maximum over valid columns of s (Bx, By, rows, columns)."""
    rows, columns = s.shape[-2:]
    if rows == 0 or columns == 0:
        return s.new_zeros(s.shape[:2]), s.new_zeros(s.shape[:3], dtype=torch.int64)
    best, argmax = s.masked_fill(~column_valid.unsqueeze(-2), -torch.inf).max(-1)
    counted = row_valid & column_valid.any(-1, keepdim=True)
    total = best.masked_fill(~counted, 0).sum(-1)
    return total / row_valid.sum(-1).clamp(min=1), argmax


def fgm_similarity_backward(
    grad_x_to_y: Tensor,
    grad_y_to_x: Tensor,
    x: Tensor,
    y: Tensor,
    x_mask: Tensor | None,
    y_mask: Tensor | None,
    x_argmax: Tensor,
    y_argmax: Tensor,
) -> tuple[Tensor, Tensor]:
    """Gradients of x and y: each maximum passes its share of the mean to both its components."""
    x_valid, y_valid = valid(x, x_mask), valid(y, y_mask)
    pair_valid = x_valid[:, None, :, None] & y_valid[None, :, None, :]
    x_share = grad_x_to_y / x_valid.sum(-1).clamp(min=1)[:, None]
    y_share = grad_y_to_x / y_valid.sum(-1).clamp(min=1)
    shape = pair_valid.shape
    grad = grad_x_to_y.new_zeros(shape)
    grad.scatter_add_(
        3, x_argmax.long().unsqueeze(3), x_share[..., None, None].expand(*shape[:3], 1)
    )
    grad.scatter_add_(
        2, y_argmax.long().unsqueeze(2), y_share[..., None, None].expand(*shape[:2], 1, shape[3])
    )
    grad = grad.masked_fill(~pair_valid, 0)
    grad_x, grad_y = pairwise_backward(grad, accumulated(x, x_mask), accumulated(y, y_mask))
    return grad_x.to(x.dtype), grad_y.to(y.dtype)

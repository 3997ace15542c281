"""The reduction under every contrastive loss: logsumexp over rows and columns of scale * x y^T.

Shapes: x (B, D), y (T, D), scale (), masks (B,) and (T,); s[i, j] = scale * <x[i], y[j]>, taken
over valid i and j.

    row[i] = log sum over valid j of exp(s[i, j])
    col[j] = log sum over valid i of exp(s[i, j])

An empty logsumexp, and so that of an invalid row or column, is -inf and has zero gradient.
"""

import torch
from torch import Tensor

from alignops.reference.components import accumulated, valid


def similarity_logsumexp(
    x: Tensor, y: Tensor, scale: Tensor, x_mask: Tensor | None = None, y_mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """(row (B,), col (T,))."""
    s = _similarities(x, y, scale, x_mask, y_mask)
    return torch.logsumexp(s, 1), torch.logsumexp(s, 0)


def similarity_logsumexp_backward(
    grad_row: Tensor,
    grad_col: Tensor,
    x: Tensor,
    y: Tensor,
    scale: Tensor,
    x_mask: Tensor | None,
    y_mask: Tensor | None,
    row: Tensor,
    col: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, y and scale; row and col are results of the forward."""
    s = _similarities(x, y, scale, x_mask, y_mask)
    # exp(-inf - (-inf)) is NaN: give invalid pairs weight 0, and keep the NaN of a valid one.
    pair_valid = _pair_valid(x, y, x_mask, y_mask)
    of_row = grad_row[:, None] * torch.exp(s - row[:, None])
    of_col = grad_col * torch.exp(s - col)
    grad = (of_row + of_col).masked_fill(~pair_valid, 0)
    x_rows, y_rows = accumulated(x, x_mask), accumulated(y, y_mask)
    grad_x = grad @ y_rows
    grad_scale = (grad_x * x_rows).sum()
    grad_y = scale * (grad.mT @ x_rows)
    return (scale * grad_x).to(x.dtype), grad_y.to(y.dtype), grad_scale


def _similarities(
    x: Tensor, y: Tensor, scale: Tensor, x_mask: Tensor | None, y_mask: Tensor | None
) -> Tensor:
    s = scale * (accumulated(x, x_mask) @ accumulated(y, y_mask).mT)
    return s.masked_fill(~_pair_valid(x, y, x_mask, y_mask), -torch.inf)


def _pair_valid(x: Tensor, y: Tensor, x_mask: Tensor | None, y_mask: Tensor | None) -> Tensor:
    return valid(x, x_mask)[:, None] & valid(y, y_mask)

"""SCAN's similarity (arXiv 1803.08024) as AAHR uses it for relations between instances.

Shapes: x (Bx, N, D), y (By, M, D), masks (Bx, N) and (By, M). With c[i, j, k, l] =
leaky_relu(cos(x[i, k], y[j, l])) over valid k and l:

    x_to_y[i, j] = mean over k of max over l of c[i, j, k, l] / norm over k of c[i, j, :, l]
    y_to_x[i, j] = mean over l of max over k of c[i, j, k, l] / norm over l of c[i, j, k, :]

A pair in which either side has no valid component scores 0. A component, or a row or column of c,
of norm 0 contributes 0. A NaN in a valid component propagates.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from alignops.reference.components import accumulated, accumulation_dtype, pairwise, valid


def scan_similarity(
    x: Tensor,
    y: Tensor,
    x_mask: Tensor | None = None,
    y_mask: Tensor | None = None,
    negative_slope: float = 0.1,
) -> tuple[Tensor, Tensor]:
    """Both directions, (Bx, By)."""
    x_valid, y_valid = valid(x, x_mask), valid(y, y_mask)
    cosines = pairwise(_normalised(accumulated(x, x_mask)), _normalised(accumulated(y, y_mask)))
    c = leaky_relu(cosines, negative_slope)
    return (
        _mean_of_max(c * _inverse(c.square().sum(2, keepdim=True)), x_valid[:, None], y_valid),
        _mean_of_max(
            c.mT * _inverse(c.mT.square().sum(2, keepdim=True)), y_valid, x_valid[:, None]
        ),
    )


def next_to_one(components: Tensor) -> Tensor:
    """Scale each component by the power of two that brings its largest value close to 1.

    Then no square overflows or underflows. Only subnormal values may lose digits.
    """
    if components.shape[-1] == 0:
        return components
    largest = components.detach().abs().amax(-1, keepdim=True)
    exponent = torch.frexp(largest.to(accumulation_dtype(components.dtype))).exponent
    # Bounded, so that neither power is subnormal.
    limit = -round(math.log2(torch.finfo(components.dtype).tiny)) - 1
    return components * torch.exp2(-exponent.clamp(-limit, limit).to(torch.float64)).to(
        components.dtype
    )


def _normalised(components: Tensor) -> Tensor:
    components = next_to_one(components)
    return components * _inverse(components.square().sum(-1, keepdim=True))


def _inverse(squares: Tensor) -> Tensor:
    """1 / sqrt(squares), and 0 where a square is 0."""
    return torch.where(squares == 0, 0, squares.rsqrt())


def _mean_of_max(c: Tensor, row_valid: Tensor, column_valid: Tensor) -> Tensor:
    """Mean over valid rows of the maximum over valid columns of c (Bx, By, rows, columns)."""
    if 0 in c.shape:
        return c.new_zeros(c.shape[:2])
    best = c.masked_fill(~column_valid.unsqueeze(-2), -torch.inf).amax(-1)
    counted = row_valid & column_valid.any(-1, keepdim=True)
    return best.masked_fill(~counted, 0).sum(-1) / row_valid.sum(-1).clamp(min=1)

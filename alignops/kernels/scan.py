"""SCAN's similarity, forward: a tile holds whole samples, divides by its norms and reduces.

A score divides by norms over all components of one side before it takes maxima over the other.
Samples larger than one tile would have to be computed three times; the reference handles them.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from alignops.kernels.launch import component_inputs, configurations, launch, precision
from alignops.kernels.tiles import (
    LOWEST,
    ordered,
    similarities,
    tile_of_program,
    unordered,
    valid,
)
from alignops.reference import scan as reference
from alignops.reference.components import accumulation_dtype

_TILE = 64  # rows and columns


@triton.jit
def _inverse(squares):
    """1 / sqrt(squares), and 0 where a square is 0."""
    return tl.where(squares == 0, 0.0, tl.rsqrt(squares))


@triton.jit(do_not_specialize=["Bx", "By", "N", "M", "slope"])
def _forward(
    x, y, x_scale, y_scale, x_mask, y_mask, x_to_y, y_to_x,
    Bx, By, N, M, D, slope,
    SAMPLES_X: tl.constexpr, CHUNK_X: tl.constexpr, SAMPLES_Y: tl.constexpr, CHUNK_Y: tl.constexpr,
    BLOCK_D: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    x_block, y_block = tile_of_program(tl.cdiv(Bx, SAMPLES_X), tl.cdiv(By, SAMPLES_Y))
    x_row, y_row = tl.arange(0, SAMPLES_X * CHUNK_X), tl.arange(0, SAMPLES_Y * CHUNK_Y)
    i = x_block.to(tl.int64) * SAMPLES_X + x_row // CHUNK_X
    j = y_block.to(tl.int64) * SAMPLES_Y + y_row // CHUNK_Y
    k, y_l = x_row % CHUNK_X, y_row % CHUNK_Y
    x_valid = valid(x_mask, i * N + k, (i < Bx) & (k < N))
    y_valid = valid(y_mask, j * M + y_l, (j < By) & (y_l < M))

    c = similarities(x, i * N + k, x_valid, y, j * M + y_l, y_valid, D, BLOCK_D, PRECISION)
    c *= tl.load(x_scale + i * N + k, mask=x_valid, other=0.0)[:, None]
    c *= tl.load(y_scale + j * M + y_l, mask=y_valid, other=0.0)[None, :]
    c = tl.where(c > 0, c, c * slope)
    both = x_valid[:, None] & y_valid[None, :]
    # Where either is invalid, c may be NaN: 0 times a NaN of the other.
    c = tl.where(both, c, 0.0).reshape((SAMPLES_X, CHUNK_X, SAMPLES_Y, CHUNK_Y))
    both = both.reshape((SAMPLES_X, CHUNK_X, SAMPLES_Y, CHUNK_Y))
    x_counted = x_valid.reshape((SAMPLES_X, CHUNK_X))
    y_counted = y_valid.reshape((SAMPLES_Y, CHUNK_Y))

    quotient = c * _inverse(tl.sum(c * c, 1))[:, None, :, :]
    best = unordered(tl.max(tl.where(both, ordered(quotient), LOWEST), 3))
    x_sum = tl.sum(tl.where(x_counted[:, :, None], best, 0.0), 1)
    quotient = c * _inverse(tl.sum(c * c, 3))[:, :, :, None]
    best = unordered(tl.max(tl.where(both, ordered(quotient), LOWEST), 1))
    y_sum = tl.sum(tl.where(y_counted[None, :, :], best, 0.0), 2)

    x_count = tl.sum(x_counted.to(tl.int32), 1)
    y_count = tl.sum(y_counted.to(tl.int32), 1)
    matched = (x_count > 0)[:, None] & (y_count > 0)[None, :]
    x_mean = tl.where(matched, x_sum / tl.maximum(x_count, 1)[:, None], 0.0)
    y_mean = tl.where(matched, y_sum / tl.maximum(y_count, 1)[None, :], 0.0)
    own = x_block.to(tl.int64) * SAMPLES_X + tl.arange(0, SAMPLES_X)
    other = y_block * SAMPLES_Y + tl.arange(0, SAMPLES_Y)
    pair = own[:, None] * By + other[None, :]
    inside = (own < Bx)[:, None] & (other < By)[None, :]
    tl.store(x_to_y + pair, x_mean, mask=inside)
    tl.store(y_to_x + pair, y_mean, mask=inside)


def scan_similarity(
    x: Tensor,
    y: Tensor,
    x_mask: Tensor | None = None,
    y_mask: Tensor | None = None,
    negative_slope: float = 0.1,
) -> tuple[Tensor, Tensor]:
    """Compute `alignops::scan_similarity`: both directions."""
    if max(x.shape[1], y.shape[1]) > _TILE:
        return reference.scan_similarity(x, y, x_mask, y_mask, negative_slope)
    x, y, x_mask, y_mask = component_inputs(x, y, x_mask, y_mask)
    x, y = reference.next_to_one(x), reference.next_to_one(y)
    batch, other = len(x), len(y)
    scores = accumulation_dtype(x.dtype)
    x_to_y, y_to_x = (x.new_zeros(batch, other, dtype=scores) for _ in range(2))
    if 0 in (x.shape[1], y.shape[1]):
        return x_to_y, y_to_x

    chunk_x = max(triton.next_power_of_2(x.shape[1]), 16)
    chunk_y = triton.next_power_of_2(y.shape[1])
    samples_x, samples_y = _TILE // chunk_x, _TILE // chunk_y
    launch(
        _forward,
        triton.cdiv(batch, samples_x) * triton.cdiv(other, samples_y),
        configurations(x.dtype),
        x=x, y=y, x_scale=_inverse_norms(x), y_scale=_inverse_norms(y),
        x_mask=x_mask, y_mask=y_mask, x_to_y=x_to_y, y_to_x=y_to_x,
        Bx=batch, By=other, N=x.shape[1], M=y.shape[1], D=x.shape[2], slope=negative_slope,
        SAMPLES_X=samples_x, CHUNK_X=chunk_x, SAMPLES_Y=samples_y, CHUNK_Y=chunk_y,
        PRECISION=precision(x.dtype),
    )  # fmt: skip
    return x_to_y, y_to_x


def _inverse_norms(components: Tensor) -> Tensor:
    """1 / norm of each component, 0 for norm 0, in the type of the scores."""
    norms = torch.linalg.vector_norm(components, dim=-1, dtype=accumulation_dtype(components.dtype))
    return torch.where(norms == 0, 0, 1 / norms)

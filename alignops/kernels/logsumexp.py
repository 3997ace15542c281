"""Logsumexp over the rows and the columns of scale * x y^T, whose tiles are never stored.

Forward, each tile writes a partial logsumexp of its rows and columns, as a maximum and a sum of
exponentials relative to it; partials are combined in the order of the tiles. Backward, a program
owns a slice of some rows' gradients and recomputes all tiles of those rows.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from alignops.kernels.gain import scaled
from alignops.kernels.launch import (
    WARP,
    checked,
    checked_mask,
    configurations,
    launch,
    precision,
)
from alignops.kernels.tiles import finite_or_zero, load_rows, similarities, tile_of_program, valid
from alignops.reference.components import accumulation_dtype

_COMBINED = 128  # rows per program of the combination, one thread each


@triton.jit(do_not_specialize=["B", "T"])
def _forward(
    x, y, scale, x_mask, y_mask, row_top, row_sum, col_top, col_sum, B, T, D,
    BLOCK_X: tl.constexpr, BLOCK_Y: tl.constexpr, BLOCK_D: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    x_block, y_block = tile_of_program(tl.cdiv(B, BLOCK_X), tl.cdiv(T, BLOCK_Y))
    i = x_block.to(tl.int64) * BLOCK_X + tl.arange(0, BLOCK_X)
    j = y_block.to(tl.int64) * BLOCK_Y + tl.arange(0, BLOCK_Y)
    x_valid, y_valid = valid(x_mask, i, i < B), valid(y_mask, j, j < T)

    s = similarities(x, i, x_valid, y, j, y_valid, D, BLOCK_D, PRECISION) * tl.load(scale)
    s = tl.where(x_valid[:, None] & y_valid[None, :], s, -float("inf"))

    top = finite_or_zero(tl.max(s, 1))
    at = y_block.to(tl.int64) * B + i
    tl.store(row_top + at, top, mask=i < B)
    tl.store(row_sum + at, tl.sum(tl.exp(s - top[:, None]), 1), mask=i < B)
    top = finite_or_zero(tl.max(s, 0))
    at = x_block.to(tl.int64) * T + j
    tl.store(col_top + at, top, mask=j < T)
    tl.store(col_sum + at, tl.sum(tl.exp(s - top[None, :]), 0), mask=j < T)


@triton.jit(do_not_specialize=["rows", "blocks"])
def _combine(tops, sums, result, rows, blocks, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    top = tl.full((BLOCK,), -float("inf"), tl.float32)
    total = tl.zeros((BLOCK,), tl.float32)
    at = i
    for _ in range(blocks):
        added = tl.load(sums + at, mask=i < rows, other=0.0)
        # A tile of only -inf has sum 0, and a meaningless maximum.
        added_top = tl.where(added != 0, tl.load(tops + at, mask=i < rows), -float("inf"))
        new_top = tl.maximum(top, added_top)
        shift = finite_or_zero(new_top)
        total = total * tl.exp(top - shift) + added * tl.exp(added_top - shift)
        top = new_top
        at += rows
    tl.store(result + i, finite_or_zero(top) + tl.log(total), mask=i < rows)


@triton.jit(do_not_specialize=["B", "T"])
def _backward(
    x, y, scale, factor, x_mask, y_mask, grad_row, grad_col, row, col, grad_x, grad_scale, B, T, D,
    BLOCK_X: tl.constexpr, BLOCK_Y: tl.constexpr, SLICE: tl.constexpr, BLOCK_D: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    slices = tl.cdiv(D, SLICE)
    x_block, own_slice = tl.program_id(0) // slices, tl.program_id(0) % slices
    i = x_block.to(tl.int64) * BLOCK_X + tl.arange(0, BLOCK_X)
    x_valid = valid(x_mask, i, i < B)
    of_row = tl.load(grad_row + i, mask=x_valid, other=0.0)[:, None]
    row_lse = tl.load(row + i, mask=x_valid, other=0.0)[:, None]
    grad = tl.zeros((BLOCK_X, SLICE), tl.float32)
    of_scale = tl.zeros((BLOCK_X,), tl.float32)
    for first in range(0, T, BLOCK_Y):
        j = first + tl.arange(0, BLOCK_Y).to(tl.int64)
        y_valid = valid(y_mask, j, j < T)
        of_col = tl.load(grad_col + j, mask=y_valid, other=0.0)[None, :]
        col_lse = tl.load(col + j, mask=y_valid, other=0.0)[None, :]

        dot = similarities(x, i, x_valid, y, j, y_valid, D, BLOCK_D, PRECISION)
        s = dot * tl.load(scale)
        weight = of_row * tl.exp(s - row_lse) + of_col * tl.exp(s - col_lse)
        weight = tl.where(x_valid[:, None] & y_valid[None, :], weight, 0.0)
        of_scale += tl.sum(weight * dot, 1)
        other = load_rows(y, j, y_valid, own_slice * SLICE, D, SLICE)
        grad = tl.dot(weight.to(other.dtype), other, grad, input_precision=PRECISION)

    d = own_slice * SLICE + tl.arange(0, SLICE)
    inside = (i < B)[:, None] & (d < D)[None, :]
    tl.store(grad_x + (i * D)[:, None] + d[None, :], grad * tl.load(factor), mask=inside)
    if grad_scale is not None:
        # Every slice computes the same sum; it uses float32 weights, the type of this gradient.
        total = tl.where(own_slice == 0, tl.sum(of_scale, 0), 0.0)
        tl.store(grad_scale + tl.program_id(0), total)


def similarity_logsumexp(
    x: Tensor, y: Tensor, scale: Tensor, x_mask: Tensor | None = None, y_mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Compute `alignops::similarity_logsumexp`: (row (B,), col (T,))."""
    x, y, scale, x_mask, y_mask = _inputs(x, y, scale, x_mask, y_mask)
    block_x, block_y = (64, 64) if x.dtype == torch.float32 else (128, 128)
    x_blocks, y_blocks = triton.cdiv(len(x), block_x), triton.cdiv(len(y), block_y)
    row_top, row_sum = scale.new_empty(2, y_blocks, len(x))
    col_top, col_sum = scale.new_empty(2, x_blocks, len(y))
    launch(
        _forward, x_blocks * y_blocks, configurations(x.dtype),
        x=x, y=y, scale=scale, x_mask=x_mask, y_mask=y_mask,
        row_top=row_top, row_sum=row_sum, col_top=col_top, col_sum=col_sum,
        B=len(x), T=len(y), D=x.shape[1],
        BLOCK_X=block_x, BLOCK_Y=block_y, PRECISION=precision(x.dtype),
    )  # fmt: skip
    return _combined(row_top, row_sum), _combined(col_top, col_sum)


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
    """Compute `alignops::similarity_logsumexp_backward`: gradients of x, y and scale."""
    x, y, scale, x_mask, y_mask = _inputs(x, y, scale, x_mask, y_mask)
    grad_row, row = (
        checked(t, "grad_row or row", x.shape[:1], scale.dtype) for t in (grad_row, row)
    )
    grad_col, col = (
        checked(t, "grad_col or col", y.shape[:1], scale.dtype) for t in (grad_col, col)
    )
    shrink, (grad_row, grad_col) = scaled(x.dtype, grad_row, grad_col)
    factor = scale if shrink is None else scale * shrink
    of_x = (x, y, x_mask, y_mask, grad_row, grad_col, row, col)
    of_y = (y, x, y_mask, x_mask, grad_col, grad_row, col, row)
    grad_x, grad_scale = _gradient(*of_x, scale, factor, with_scale=True)
    grad_y, _ = _gradient(*of_y, scale, factor, with_scale=False)
    return grad_x, grad_y, grad_scale if shrink is None else grad_scale * shrink


def _combined(tops: Tensor, sums: Tensor) -> Tensor:
    blocks, rows = tops.shape
    result = tops.new_empty(rows)
    launch(
        _combine, triton.cdiv(rows, _COMBINED), [triton.Config({}, num_warps=_COMBINED // WARP)],
        tops=tops, sums=sums, result=result, rows=rows, blocks=blocks, BLOCK=_COMBINED,
    )  # fmt: skip
    return result


def _gradient(
    x: Tensor,
    y: Tensor,
    x_mask: Tensor | None,
    y_mask: Tensor | None,
    grad_row: Tensor,
    grad_col: Tensor,
    row: Tensor,
    col: Tensor,
    scale: Tensor,
    factor: Tensor,
    *,
    with_scale: bool,
) -> tuple[Tensor, Tensor]:
    """Gradient of x, and that of scale as the sum of one term per program."""
    block_x, block_y, widest = (32, 32, 128) if x.dtype == torch.float32 else (64, 64, 256)
    own_slice = min(max(triton.next_power_of_2(x.shape[1]), 16), widest)
    programs = triton.cdiv(len(x), block_x) * triton.cdiv(x.shape[1], own_slice)
    grad_x = x.new_empty(x.shape)
    grad_scale = scale.new_empty(programs) if with_scale else None
    launch(
        _backward, programs, configurations(x.dtype),
        x=x, y=y, scale=scale, factor=factor, x_mask=x_mask, y_mask=y_mask,
        grad_row=grad_row, grad_col=grad_col, row=row, col=col,
        grad_x=grad_x, grad_scale=grad_scale, B=len(x), T=len(y), D=x.shape[1],
        BLOCK_X=block_x, BLOCK_Y=block_y, SLICE=own_slice, PRECISION=precision(x.dtype),
    )  # fmt: skip
    return grad_x, scale.new_zeros(()) if grad_scale is None else grad_scale.sum()


def _inputs(
    x: Tensor, y: Tensor, scale: Tensor, x_mask: Tensor | None, y_mask: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]:
    return (
        checked(x, "x", x.shape[:2], x.dtype),
        checked(y, "y", (len(y), x.shape[1]), x.dtype),
        checked(scale, "scale", (), accumulation_dtype(x.dtype)),
        checked_mask(x_mask, "x_mask", x.shape[:1]),
        checked_mask(y_mask, "y_mask", y.shape[:1]),
    )

"""Gradients of FILIP similarity: each maximum passes its share of the mean to both components.

The gradient of a row of x is a weighted sum of rows of y: its winners, one in each sample, and the
rows whose winner it is. With few components, the winners expand to tiles of weights in registers,
mostly zeros, and tensor cores multiply them: faster than gathering rows from the cache. With many,
the rows are gathered; sorting the other side's winners finds those that a row won. Either way each
program owns its output: there are no atomics.
"""

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from alignops.kernels.launch import launch, pipelines, precision
from alignops.kernels.tiles import load_rows, valid
from alignops.reference.fgm import argmax_dtype

# Winners sorted at a time; a sort takes some 34 bytes for each.
SORTED = 2**24


class Side(NamedTuple):
    """Winners and weights of the components of one side (B, count)."""

    mask: Tensor | None  # (B, count), bytes
    share: Tensor  # (Bx, By), of the gradient of a pair's mean
    argmax: Tensor  # (Bx, By, count), indices on the other side

    def of_y(self) -> "Side":
        """The side of y, with pairs transposed to (By, Bx)."""
        return Side(self.mask, self.share.T, self.argmax.transpose(0, 1))


@triton.jit(do_not_specialize=["x_rows", "y_rows", "N", "M", "x_stride", "y_stride"])
def _dense(
    y, x_mask, y_mask, x_share, y_share, x_argmax, y_argmax, factor, grad_x,
    x_rows, y_rows, N, M, D, x_stride, y_stride,
    BLOCK_X: tl.constexpr, BLOCK_Y: tl.constexpr, SLICE: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    slices = tl.cdiv(D, SLICE)
    x_block, own_slice = tl.program_id(0) // slices, tl.program_id(0) % slices
    x_row = x_block.to(tl.int64) * BLOCK_X + tl.arange(0, BLOCK_X)
    x_valid = valid(x_mask, x_row, x_row < x_rows)
    x_pair, k = (x_row // N * x_stride)[:, None], (x_row % N)[:, None]
    grad = tl.zeros((BLOCK_X, SLICE), tl.float32)
    for first in range(0, y_rows, BLOCK_Y):
        y_row = first + tl.arange(0, BLOCK_Y).to(tl.int64)
        y_valid = valid(y_mask, y_row, y_row < y_rows)
        y_pair, y_l = (y_row // M * y_stride)[None, :], (y_row % M)[None, :]
        both = x_valid[:, None] & y_valid[None, :]

        x_winner = tl.load(x_argmax + (x_pair * N + k) + y_pair * N, mask=both, other=0)
        y_winner = tl.load(y_argmax + x_pair * M + (y_pair * M + y_l), mask=both, other=0)
        from_x = both & (x_winner.to(tl.int32) == y_l)
        from_y = both & (y_winner.to(tl.int32) == k)
        weight = tl.load(x_share + x_pair + y_pair, mask=from_x, other=0.0)
        weight += tl.load(y_share + x_pair + y_pair, mask=from_y, other=0.0)

        other = load_rows(y, y_row, y_valid, own_slice * SLICE, D, SLICE)
        grad = tl.dot(weight.to(other.dtype), other, grad, input_precision=PRECISION)

    if factor is not None:
        grad *= tl.load(factor)
    d = own_slice * SLICE + tl.arange(0, SLICE)
    inside = (x_row < x_rows)[:, None] & (d < D)[None, :]
    tl.store(grad_x + (x_row * D)[:, None] + d[None, :], grad, mask=inside)


@triton.jit(do_not_specialize=["x_rows", "By", "N", "M", "x_stride", "y_stride"])
def _gather(
    y, x_mask, y_mask, x_share, y_share, x_argmax, order, starts, factor, grad_x,
    x_rows, By, N, M, D, x_stride, y_stride,
    BLOCK: tl.constexpr, SLICE: tl.constexpr,
):  # fmt: skip
    # Concurrent programs sweep over the same slice of y, from its first sample on.
    x_row, first_d = (tl.program_id(0) % x_rows).to(tl.int64), tl.program_id(0) // x_rows * SLICE
    i, k = x_row // N, x_row % N
    x_valid = valid(x_mask, x_row, x_row < x_rows)
    grad = tl.zeros((BLOCK, SLICE), tl.float32)

    for first in range(0, tl.where(x_valid, By, 0), BLOCK):
        j = first + tl.arange(0, BLOCK).to(tl.int64)
        pair = i * x_stride + j * y_stride
        winner = tl.load(x_argmax + (pair * N + k), mask=j < By, other=0).to(tl.int32)
        y_row = j * M + winner
        # Check here that winners are in range: checking before the launch would synchronise.
        y_valid = valid(y_mask, y_row, (j < By) & (winner >= 0) & (winner < M))
        weight = tl.load(x_share + pair, mask=y_valid, other=0.0)
        grad += weight[:, None] * load_rows(y, y_row, y_valid, first_d, D, SLICE)

    # Rows that this row won: none if it is invalid, whatever the winners say.
    start = i * (N + 1) + k
    end = tl.load(starts + start + tl.where(x_valid, 1, 0))
    for first in range(tl.load(starts + start), end, BLOCK):
        at = first + tl.arange(0, BLOCK)
        given = tl.load(order + (i * By * M + at), mask=at < end, other=0)
        j = (given // M).to(tl.int64)
        weight = tl.load(y_share + (i * x_stride + j * y_stride), mask=at < end, other=0.0)
        rows = load_rows(y, given.to(tl.int64), at < end, first_d, D, SLICE)
        grad += weight[:, None] * rows

    total = tl.sum(grad, 0)
    if factor is not None:
        total *= tl.load(factor)
    d = first_d + tl.arange(0, SLICE)
    tl.store(grad_x + (x_row * D + d), total, mask=d < D)


def gradient(grad_x: Tensor, y: Tensor, x_side: Side, y_side: Side, factor: Tensor | None) -> None:
    """Fill in the gradient of x (Bx, N, D), times `factor`, from y (By, M, D) and the winners."""
    n, (other, m, _) = grad_x.shape[1], y.shape
    if 0 in (n, m):
        return
    sortable = other * m < 2**31  # the limit of torch's sort
    way = _gathered if sortable and gather_pays(n, m, y.dtype) else _multiplied
    way(grad_x, y, x_side, y_side, factor)


def gather_pays(n: int, m: int, dtype: torch.dtype) -> bool:
    """Whether gathering n + m rows beats n m products; see docs/kernels.md."""
    on_tensor_cores = dtype != torch.float32 or precision(dtype) == "tf32"
    return n * m > (n + m) * (120 if on_tensor_cores else 16)


def _multiplied(
    grad_x: Tensor, y: Tensor, x_side: Side, y_side: Side, factor: Tensor | None
) -> None:
    (batch, n, dim), (other, m, _) = grad_x.shape, y.shape
    block_x, block_y, widest = (32, 32, 128) if y.dtype == torch.float32 else (64, 32, 256)
    own_slice = _slice(dim, widest)
    x_stride, y_stride = x_side.share.stride()
    launch(
        _dense,
        triton.cdiv(batch * n, block_x) * triton.cdiv(dim, own_slice),
        pipelines(),
        y=y, x_mask=x_side.mask, y_mask=y_side.mask, x_share=x_side.share, y_share=y_side.share,
        x_argmax=x_side.argmax, y_argmax=y_side.argmax, factor=factor, grad_x=grad_x,
        x_rows=batch * n, y_rows=other * m, N=n, M=m, D=dim, x_stride=x_stride, y_stride=y_stride,
        BLOCK_X=block_x, BLOCK_Y=block_y, SLICE=own_slice, PRECISION=precision(y.dtype),
    )  # fmt: skip


def _gathered(grad_x: Tensor, y: Tensor, x_side: Side, y_side: Side, factor: Tensor | None) -> None:
    (batch, n, dim), (other, m, _) = grad_x.shape, y.shape
    own_slice = _slice(dim, 128 if y.dtype == torch.float32 else 256)
    x_stride, y_stride = x_side.share.stride()
    samples = max(SORTED // max(other * m, 1), 1)
    for first in range(0, batch, samples):
        part = slice(first, first + samples)
        order, starts = by_winner(y_side.argmax[part], y_side.mask, n)
        launch(
            _gather,
            len(order) * n * triton.cdiv(dim, own_slice),
            pipelines()[:1],  # all compile to the same code: there is no product to pipeline
            y=y, x_mask=None if x_side.mask is None else x_side.mask[part], y_mask=y_side.mask,
            x_share=x_side.share[part], y_share=y_side.share[part],
            x_argmax=x_side.argmax[part], order=order, starts=starts,
            factor=factor, grad_x=grad_x[part],
            x_rows=len(order) * n, By=other, N=n, M=m, D=dim, x_stride=x_stride, y_stride=y_stride,
            BLOCK=32, SLICE=own_slice,
        )  # fmt: skip


def by_winner(argmax: Tensor, mask: Tensor | None, count: int) -> tuple[Tensor, Tensor]:
    """Sort the other side's rows by their winner among a sample's `count` components.

    From argmax (B, By, M): the order (B, By * M), grouped by winner with masked rows last, and the
    start of each component's group, (B, count + 1).
    """
    winners = argmax.to(argmax_dtype(count + 1)).flatten(1)
    if mask is not None:
        winners = winners.masked_fill(mask.flatten() == 0, count)
    winners, order = winners.sort(dim=1, stable=True)
    components = torch.arange(count + 1, dtype=winners.dtype, device=winners.device)
    starts = torch.searchsorted(winners, components.repeat(len(winners), 1))
    # In 32 bits: a 64-bit division takes several times as long.
    return order.to(torch.int32), starts


def _slice(dim: int, widest: int) -> int:
    return min(max(triton.next_power_of_2(dim), 16), widest)

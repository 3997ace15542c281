"""FILIP similarity, MaxSim in both directions from one tile of similarities, which is never stored.

A program owns some samples of x and some of y, and goes through their components chunk by chunk.
Maxima and winners stay in registers until the last chunk. The backward needs only the winners.
"""

from functools import lru_cache

import torch
import triton
import triton.language as tl
from torch import Tensor

from alignops.kernels.fgm_backward import Side, gradient
from alignops.kernels.gain import scaled
from alignops.kernels.launch import (
    checked,
    component_inputs,
    configurations,
    counts,
    launch,
    precision,
)
from alignops.kernels.tiles import (
    LOWEST,
    ordered,
    similarities,
    tile_of_program,
    unordered,
    valid,
)
from alignops.reference.components import accumulation_dtype
from alignops.reference.fgm import NOTHING_SAVED, argmax_dtype

_NOBODY = tl.constexpr(2**31 - 1)
_POWERS = [2**exponent for exponent in range(8)]


@triton.jit(do_not_specialize=["Bx", "By", "N", "M", "x_stride", "y_stride"])
def _forward(
    x, y, x_mask, y_mask, x_to_y, y_to_x, x_argmax, y_argmax, Bx, By, N, M, D, x_stride, y_stride,
    SAMPLES_X: tl.constexpr, CHUNK_X: tl.constexpr, SAMPLES_Y: tl.constexpr, CHUNK_Y: tl.constexpr,
    CHUNKS_Y: tl.constexpr, BLOCK_D: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    x_block, y_block = tile_of_program(tl.cdiv(Bx, SAMPLES_X), tl.cdiv(By, SAMPLES_Y))
    x_row, y_row = tl.arange(0, SAMPLES_X * CHUNK_X), tl.arange(0, SAMPLES_Y * CHUNK_Y)
    i = x_block.to(tl.int64) * SAMPLES_X + x_row // CHUNK_X
    j = y_block.to(tl.int64) * SAMPLES_Y + y_row // CHUNK_Y
    # Of each component of y over the chunks of x; sums of each sample of x over its chunks.
    y_best = tl.full((SAMPLES_X, SAMPLES_Y, CHUNKS_Y, CHUNK_Y), LOWEST, tl.int32)
    y_winner = tl.zeros((SAMPLES_X, SAMPLES_Y, CHUNKS_Y, CHUNK_Y), tl.int32)
    x_sum = tl.zeros((SAMPLES_X, SAMPLES_Y), tl.float32)
    x_count = tl.zeros((SAMPLES_X,), tl.int32)

    for first_k in range(0, N, CHUNK_X):
        k = first_k + x_row % CHUNK_X
        x_valid = valid(x_mask, i * N + k, (i < Bx) & (k < N))
        x_best = tl.full((SAMPLES_X, CHUNK_X, SAMPLES_Y), LOWEST, tl.int32)
        x_winner = tl.zeros((SAMPLES_X, CHUNK_X, SAMPLES_Y), tl.int32)
        for first_l in range(0, M, CHUNK_Y):
            y_l = first_l + y_row % CHUNK_Y
            y_valid = valid(y_mask, j * M + y_l, (j < By) & (y_l < M))

            s = similarities(x, i * N + k, x_valid, y, j * M + y_l, y_valid, D, BLOCK_D, PRECISION)
            key = tl.where(x_valid[:, None] & y_valid[None, :], ordered(s), LOWEST)
            key = key.reshape((SAMPLES_X, CHUNK_X, SAMPLES_Y, CHUNK_Y))

            best = tl.max(key, 3)
            if x_argmax is not None:
                index = first_l + tl.arange(0, CHUNK_Y)[None, None, None, :]
                winner = tl.min(tl.where(key == best[:, :, :, None], index, _NOBODY), 3)
                x_winner = tl.where(best > x_best, winner, x_winner)
            x_best = tl.maximum(x_best, best)

            best = tl.max(key, 1)
            chunk = tl.arange(0, CHUNKS_Y)[None, None, :, None]
            better = (chunk == first_l // CHUNK_Y) & (best[:, :, None, :] > y_best)
            if y_argmax is not None:
                index = first_k + tl.arange(0, CHUNK_X)[None, :, None, None]
                winner = tl.min(tl.where(key == best[:, None], index, _NOBODY), 1)
                y_winner = tl.where(better, winner[:, :, None, :], y_winner)
            y_best = tl.where(better, best[:, :, None, :], y_best)

        counted = x_valid.reshape((SAMPLES_X, CHUNK_X))
        x_sum += tl.sum(tl.where(counted[:, :, None], unordered(x_best), 0.0), 1)
        x_count += tl.sum(counted.to(tl.int32), 1)
        if x_argmax is not None:
            own = x_block.to(tl.int64) * SAMPLES_X + tl.arange(0, SAMPLES_X)[:, None, None]
            k = first_k + tl.arange(0, CHUNK_X)[None, :, None]
            other = y_block.to(tl.int64) * SAMPLES_Y + tl.arange(0, SAMPLES_Y)[None, None, :]
            inside = (own < Bx) & (k < N) & (other < By)
            pair = own * x_stride + other * y_stride
            tl.store(x_argmax + pair * N + k, x_winner, mask=inside)

    y_l = tl.arange(0, CHUNKS_Y * CHUNK_Y)
    other = y_block.to(tl.int64) * SAMPLES_Y + tl.arange(0, SAMPLES_Y)
    rows = (other * M)[:, None] + y_l[None, :]
    counted = valid(y_mask, rows, (other < By)[:, None] & (y_l < M)[None, :])
    y_count = tl.sum(counted.to(tl.int32), 1)
    y_values = unordered(y_best).reshape((SAMPLES_X, SAMPLES_Y, CHUNKS_Y * CHUNK_Y))
    y_sum = tl.sum(tl.where(counted[None, :, :], y_values, 0.0), 2)

    own = x_block.to(tl.int64) * SAMPLES_X + tl.arange(0, SAMPLES_X)
    pair = (own * x_stride)[:, None] + (other * y_stride)[None, :]
    inside = (own < Bx)[:, None] & (other < By)[None, :]
    matched = (x_count > 0)[:, None] & (y_count > 0)[None, :]
    x_mean = x_sum / tl.maximum(x_count, 1)[:, None]
    y_mean = y_sum / tl.maximum(y_count, 1)[None, :]
    tl.store(x_to_y + pair, tl.where(matched, x_mean, 0.0), mask=inside)
    tl.store(y_to_x + pair, tl.where(matched, y_mean, 0.0), mask=inside)
    if y_argmax is not None:
        winners = y_winner.reshape((SAMPLES_X, SAMPLES_Y, CHUNKS_Y * CHUNK_Y))
        at = (pair * M)[:, :, None] + y_l[None, None, :]
        tl.store(y_argmax + at, winners, mask=inside[:, :, None] & (y_l < M)[None, None, :])


def fgm_similarity(
    x: Tensor,
    y: Tensor,
    x_mask: Tensor | None = None,
    y_mask: Tensor | None = None,
    save_argmax: bool = True,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Compute `alignops::fgm_similarity`: both directions and the winners."""
    x, y, x_mask, y_mask = component_inputs(x, y, x_mask, y_mask)
    (batch, n, _), (other, m, _) = x.shape, y.shape
    scores = accumulation_dtype(x.dtype)
    x_to_y, y_to_x = (x.new_zeros(batch, other, dtype=scores) for _ in range(2))
    if save_argmax:
        x_argmax = x.new_empty((batch, other, n), dtype=argmax_dtype(m))
        y_argmax = x.new_empty((batch, other, m), dtype=argmax_dtype(n))
    else:
        x_argmax, y_argmax = (x.new_empty(0, dtype=NOTHING_SAVED) for _ in range(2))
    if n == 0 or m == 0:
        return x_to_y, y_to_x, x_argmax, y_argmax

    # Keep the maxima of the shorter side in registers.
    if m > n:
        _match(y, x, y_mask, x_mask, y_to_x, x_to_y, y_argmax, x_argmax, 1, other, save_argmax)
    else:
        _match(x, y, x_mask, y_mask, x_to_y, y_to_x, x_argmax, y_argmax, other, 1, save_argmax)
    return x_to_y, y_to_x, x_argmax, y_argmax


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
    """Compute `alignops::fgm_similarity_backward`: gradients of x and y."""
    x, y, x_mask, y_mask = component_inputs(x, y, x_mask, y_mask)
    (batch, n, _), (other, m, _) = x.shape, y.shape
    scores = accumulation_dtype(x.dtype)
    grad_x_to_y = checked(grad_x_to_y, "grad_x_to_y", (batch, other), scores)
    grad_y_to_x = checked(grad_y_to_x, "grad_y_to_x", (batch, other), scores)
    x_argmax = checked(x_argmax, "x_argmax", (batch, other, n), argmax_dtype(m))
    y_argmax = checked(y_argmax, "y_argmax", (batch, other, m), argmax_dtype(n))
    shrink, (grad_x_to_y, grad_y_to_x) = scaled(x.dtype, grad_x_to_y, grad_y_to_x)
    x_share = grad_x_to_y / counts(x, x_mask)[:, None]
    y_share = grad_y_to_x / counts(y, y_mask)
    grad_x, grad_y = x.new_zeros(x.shape), y.new_zeros(y.shape)
    x_side = Side(x_mask, x_share, x_argmax)
    y_side = Side(y_mask, y_share, y_argmax)
    gradient(grad_x, y, x_side, y_side, shrink)
    gradient(grad_y, x, y_side.of_y(), x_side.of_y(), shrink)
    return grad_x, grad_y


def _match(
    x: Tensor,
    y: Tensor,
    x_mask: Tensor | None,
    y_mask: Tensor | None,
    x_to_y: Tensor,
    y_to_x: Tensor,
    x_argmax: Tensor,
    y_argmax: Tensor,
    x_stride: int,
    y_stride: int,
    save_argmax: bool,
) -> None:
    """Fill in scores and winners; pair (i, j) is at i x_stride + j y_stride."""
    rows, columns = (64, 64) if x.dtype == torch.float32 else (128, 64)
    chunk_x, chunk_y = chunks(x.shape[1], y.shape[1], rows, columns)
    samples_x, samples_y = rows // chunk_x, columns // chunk_y
    launch(
        _forward,
        triton.cdiv(len(x), samples_x) * triton.cdiv(len(y), samples_y),
        configurations(x.dtype),
        x=x, y=y, x_mask=x_mask, y_mask=y_mask, x_to_y=x_to_y, y_to_x=y_to_x,
        x_argmax=x_argmax if save_argmax else None, y_argmax=y_argmax if save_argmax else None,
        Bx=len(x), By=len(y), N=x.shape[1], M=y.shape[1], D=x.shape[2],
        x_stride=x_stride, y_stride=y_stride,
        SAMPLES_X=samples_x, CHUNK_X=chunk_x, SAMPLES_Y=samples_y, CHUNK_Y=chunk_y,
        CHUNKS_Y=triton.next_power_of_2(triton.cdiv(y.shape[1], chunk_y)),
        PRECISION=precision(x.dtype),
    )  # fmt: skip


@lru_cache
def chunks(n: int, m: int, rows: int, columns: int) -> tuple[int, int]:
    """Choose the number of components per sample in a tile of rows by columns, for both sides.

    Powers of two, as a tile is divided into samples. Among those whose maxima fill at most a
    quarter of a tile in registers, take the least padding, then the largest.
    """

    def padded(count: int, chunk: int) -> int:
        return triton.cdiv(count, chunk) * chunk

    def maxima(chunk_x: int, chunk_y: int) -> int:
        chunks_y = triton.next_power_of_2(triton.cdiv(m, chunk_y))
        return (rows // chunk_x) * (columns // chunk_y) * chunks_y * chunk_y

    candidates = [
        (chunk_x, chunk_y)
        for chunk_x in _POWERS
        for chunk_y in _POWERS
        if 16 <= chunk_x <= rows
        and chunk_y <= columns
        and maxima(chunk_x, chunk_y) <= rows * columns // 4
    ]
    # With thousands of components on both sides, maxima exceed that for every choice.
    return min(
        candidates or [(rows, columns)],
        key=lambda chunk: (padded(n, chunk[0]) * padded(m, chunk[1]), -chunk[0] * chunk[1]),
    )

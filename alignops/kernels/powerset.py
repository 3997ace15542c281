"""Powerset similarity by PowerCLIP's aggregators; similarities are never stored.

Forward, a program owns some images and some texts. Rows of a tile are regions of its images,
columns are its texts, one phrase of each at a time: nothing is reduced across texts, and phrases
need no padding. The backward runs the forward once more to keep the sum over regions for each
phrase of each pair; torch turns these into softmax weights. A program then owns a slice of some
rows' gradients, of regions or of phrases, and recomputes the tiles of those rows.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from alignops.kernels.gain import scaled
from alignops.kernels.launch import (
    checked,
    component_inputs,
    configurations,
    counts,
    launch,
    precision,
)
from alignops.kernels.tiles import finite_or_zero, load_rows, similarities, tile_of_program, valid
from alignops.reference.components import accumulation_dtype

_LOG_2 = tl.constexpr(0.6931471805599453)


@triton.jit
def _aggregate(s, region_valid, tau, zeta, IMAGES: tl.constexpr, CHUNK: tl.constexpr):
    """Sums over regions inside NLA-T1 and NLA-T2 of a tile of similarities: (IMAGES, columns)."""
    x = tl.abs(s) / tau
    log1p = tl.log(1.0 + tl.exp(-x))
    softplus = tl.maximum(s, 0.0, propagate_nan=tl.PropagateNan.ALL) + tau * log1p
    # softplus - tau log 2; where that would cancel, by the series of logcosh(x / 2).
    square = x * x
    series = square * (1 / 8 + square * (-1 / 192 + square * (1 / 2880 - square * (17 / 645120))))
    excess = tl.where(x < 0.5, s * 0.5 + tau * series, softplus - tau * _LOG_2)
    bracket = zeta * excess + (1.0 - zeta) * 0.5 * s
    softplus = tl.where(region_valid[:, None], softplus, 0.0)
    bracket = tl.where(region_valid[:, None], bracket, 0.0)
    columns: tl.constexpr = s.shape[1]
    return (
        tl.sum(softplus.reshape((IMAGES, CHUNK, columns)), 1),
        tl.sum(bracket.reshape((IMAGES, CHUNK, columns)), 1),
    )


@triton.jit(do_not_specialize=["Bi", "Bt", "M", "K", "tau", "zeta"])
def _forward(
    regions, phrases, region_mask, phrase_mask, r2t, t2r, nodes, Bi, Bt, M, K, D, tau, zeta,
    IMAGES: tl.constexpr, CHUNK: tl.constexpr, TEXTS: tl.constexpr, BLOCK_D: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    image_block, text_block = tile_of_program(tl.cdiv(Bi, IMAGES), tl.cdiv(Bt, TEXTS))
    row = tl.arange(0, IMAGES * CHUNK)
    row_image = image_block.to(tl.int64) * IMAGES + row // CHUNK
    text = text_block.to(tl.int64) * TEXTS + tl.arange(0, TEXTS)
    # exp(top / tau) * total is the sum of exponentials over phrases; upper_sum is a plain sum.
    top = tl.full((IMAGES, TEXTS), -float("inf"), tl.float32)
    total = tl.zeros((IMAGES, TEXTS), tl.float32)
    upper_sum = tl.zeros((IMAGES, TEXTS), tl.float32)
    phrase_count = tl.zeros((TEXTS,), tl.int32)
    region_count = tl.zeros((IMAGES,), tl.int32)

    for phrase in range(0, K):
        phrase_valid = valid(phrase_mask, text * K + phrase, text < Bt)
        upper = tl.zeros((IMAGES, TEXTS), tl.float32)
        node = tl.zeros((IMAGES, TEXTS), tl.float32)
        region_count = tl.zeros((IMAGES,), tl.int32)
        for first in range(0, M, CHUNK):
            region = first + row % CHUNK
            region_row = row_image * M + region
            region_valid = valid(region_mask, region_row, (row_image < Bi) & (region < M))
            s = similarities(
                regions, region_row, region_valid, phrases, text * K + phrase, phrase_valid,
                D, BLOCK_D, PRECISION,
            )  # fmt: skip
            softplus, bracket = _aggregate(s, region_valid, tau, zeta, IMAGES, CHUNK)
            upper += softplus
            node += bracket
            region_count += tl.sum(region_valid.to(tl.int32).reshape((IMAGES, CHUNK)), 1)

        upper_sum += tl.where(phrase_valid[None, :], upper, 0.0)
        node = tl.where(phrase_valid[None, :], node, -float("inf"))
        if nodes is not None:
            image = image_block.to(tl.int64) * IMAGES + tl.arange(0, IMAGES)
            place = ((image * Bt)[:, None] + text[None, :]) * K + phrase
            tl.store(nodes + place, node, mask=(image < Bi)[:, None] & (text < Bt)[None, :])
        new_top = tl.maximum(top, node)
        shift = finite_or_zero(new_top)
        total = total * tl.exp((top - shift) / tau) + tl.exp((node - shift) / tau)
        top = new_top
        phrase_count += phrase_valid.to(tl.int32)

    matched = (region_count > 0)[:, None] & (phrase_count > 0)[None, :]
    smooth_max = finite_or_zero(top) + tau * tl.log(total)
    mean = upper_sum / tl.maximum(phrase_count, 1)[None, :]
    image = image_block.to(tl.int64) * IMAGES + tl.arange(0, IMAGES)
    pair = (image * Bt)[:, None] + text[None, :]
    inside = (image < Bi)[:, None] & (text < Bt)[None, :]
    tl.store(r2t + pair, tl.where(matched, smooth_max, 0.0), mask=inside)
    tl.store(t2r + pair, tl.where(matched, mean, 0.0), mask=inside)


@triton.jit
def _places(row, Bt, M, K, OF_REGIONS: tl.constexpr):
    """Offsets of a side's rows into the weights (Bi, Bt, K) and the shares (Bi, Bt)."""
    if OF_REGIONS:
        return row // M * Bt * K, row // M * Bt
    else:
        return row, row // K


@triton.jit(do_not_specialize=["x_rows", "y_rows", "Bt", "M", "K", "tau", "zeta"])
def _backward(
    x, y, x_mask, y_mask, weights, t2r_share, factor, grad_x,
    x_rows, y_rows, Bt, M, K, D, tau, zeta,
    OF_REGIONS: tl.constexpr, BLOCK_X: tl.constexpr, BLOCK_Y: tl.constexpr, SLICE: tl.constexpr,
    BLOCK_D: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Gradient of x: of regions, with y the phrases, or the reverse."""
    slices = tl.cdiv(D, SLICE)
    block, own_slice = tl.program_id(0) // slices, tl.program_id(0) % slices
    x_row = block.to(tl.int64) * BLOCK_X + tl.arange(0, BLOCK_X)
    x_valid = valid(x_mask, x_row, x_row < x_rows)
    x_weight, x_share = _places(x_row, Bt, M, K, OF_REGIONS)
    grad = tl.zeros((BLOCK_X, SLICE), tl.float32)
    for first in range(0, y_rows, BLOCK_Y):
        y_row = first + tl.arange(0, BLOCK_Y).to(tl.int64)
        y_valid = valid(y_mask, y_row, y_row < y_rows)
        s = similarities(x, x_row, x_valid, y, y_row, y_valid, D, BLOCK_D, PRECISION)
        y_weight, y_share = _places(y_row, Bt, M, K, not OF_REGIONS)
        known = x_valid[:, None] & y_valid[None, :]
        weight = tl.load(weights + x_weight[:, None] + y_weight[None, :], mask=known, other=0.0)
        share = tl.load(t2r_share + x_share[:, None] + y_share[None, :], mask=known, other=0.0)
        # With q = sigmoid(s / tau): tanh(s / (2 tau)) = 2 q - 1.
        e = tl.exp(-tl.abs(s) / tau)
        q = tl.where(s < 0, e, 1.0) / (1.0 + e)
        weight = (1.0 - zeta) * weight + (2.0 * zeta * weight + share) * q
        weight = tl.where(known, weight, 0.0)
        other = load_rows(y, y_row, y_valid, own_slice * SLICE, D, SLICE)
        grad = tl.dot(weight.to(other.dtype), other, grad, input_precision=PRECISION)

    if factor is not None:
        grad *= tl.load(factor)
    d = own_slice * SLICE + tl.arange(0, SLICE)
    inside = (x_row < x_rows)[:, None] & (d < D)[None, :]
    tl.store(grad_x + (x_row * D)[:, None] + d[None, :], grad, mask=inside)


def powerset_similarity(
    regions: Tensor,
    phrases: Tensor,
    region_mask: Tensor | None = None,
    phrase_mask: Tensor | None = None,
    tau: float | Tensor = 0.001,
    zeta: float = 0.75,
) -> tuple[Tensor, Tensor]:
    """Compute `alignops::powerset_similarity`: (r2t, t2r)."""
    regions, phrases, region_mask, phrase_mask = component_inputs(
        regions, phrases, region_mask, phrase_mask
    )
    return _scores(regions, phrases, region_mask, phrase_mask, float(tau), zeta)


def powerset_similarity_backward(
    grad_r2t: Tensor,
    grad_t2r: Tensor,
    regions: Tensor,
    phrases: Tensor,
    region_mask: Tensor | None,
    phrase_mask: Tensor | None,
    tau: float | Tensor,
    zeta: float,
) -> tuple[Tensor, Tensor]:
    """Compute `alignops::powerset_similarity_backward`: gradients of regions and phrases."""
    tau = float(tau)
    regions, phrases, region_mask, phrase_mask = component_inputs(
        regions, phrases, region_mask, phrase_mask
    )
    shape, scores = (len(regions), len(phrases)), accumulation_dtype(regions.dtype)
    grad_r2t = checked(grad_r2t, "grad_r2t", shape, scores)
    grad_t2r = checked(grad_t2r, "grad_t2r", shape, scores)
    shrink, (grad_r2t, grad_t2r) = scaled(regions.dtype, grad_r2t, grad_t2r)
    grad_regions, grad_phrases = regions.new_zeros(regions.shape), phrases.new_zeros(phrases.shape)
    (m, dim), k = regions.shape[1:], phrases.shape[1]
    if 0 in (m, k):
        return grad_regions, grad_phrases

    nodes = grad_r2t.new_empty(*shape, k)
    _scores(regions, phrases, region_mask, phrase_mask, tau, zeta, nodes)
    # The weights and their sum use the same nodes. Nodes recomputed in another order would differ
    # by rounding, and for a small tau the weights would not sum to 1.
    weights = torch.softmax(nodes.div_(tau), -1).mul_(grad_r2t.unsqueeze(-1) / 2)
    rows, widest = (32, 64) if regions.dtype == torch.float32 else (64, 256)
    own_slice = min(max(triton.next_power_of_2(dim), 16), widest)
    of_regions = regions, region_mask, len(regions) * m
    of_phrases = phrases, phrase_mask, len(phrases) * k
    t2r_share = grad_t2r / counts(phrases, phrase_mask)
    for (x, x_mask, x_rows), (y, y_mask, y_rows), grad_x in (
        (of_regions, of_phrases, grad_regions),
        (of_phrases, of_regions, grad_phrases),
    ):
        launch(
            _backward,
            triton.cdiv(x_rows, rows) * triton.cdiv(dim, own_slice),
            configurations(x.dtype),
            x=x, y=y, x_mask=x_mask, y_mask=y_mask, weights=weights, t2r_share=t2r_share,
            factor=shrink, grad_x=grad_x, x_rows=x_rows, y_rows=y_rows, Bt=len(phrases), M=m, K=k,
            D=dim, tau=tau, zeta=zeta, OF_REGIONS=grad_x is grad_regions, BLOCK_X=rows, BLOCK_Y=32,
            SLICE=own_slice, PRECISION=precision(x.dtype),
        )  # fmt: skip
    return grad_regions, grad_phrases


def _scores(
    regions: Tensor,
    phrases: Tensor,
    region_mask: Tensor | None,
    phrase_mask: Tensor | None,
    tau: float,
    zeta: float,
    nodes: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """(r2t, t2r); writes the terms of r2t's logsumexp to nodes (Bi, Bt, K)."""
    (images, m, dim), (texts, k) = regions.shape, phrases.shape[:2]
    scores = accumulation_dtype(regions.dtype)
    r2t, t2r = (regions.new_zeros(images, texts, dtype=scores) for _ in range(2))
    side = 32 if regions.dtype == torch.float32 else 64
    chunk = _chunk(m, side)
    launch(
        _forward,
        triton.cdiv(images, side // chunk) * triton.cdiv(texts, side),
        configurations(regions.dtype),
        regions=regions, phrases=phrases, region_mask=region_mask, phrase_mask=phrase_mask,
        r2t=r2t, t2r=t2r, nodes=nodes, Bi=images, Bt=texts, M=m, K=k, D=dim, tau=tau, zeta=zeta,
        IMAGES=side // chunk, CHUNK=chunk, TEXTS=side, PRECISION=precision(regions.dtype),
    )  # fmt: skip
    return r2t, t2r


def _chunk(m: int, rows: int) -> int:
    """Regions of an image per tile: the power of two, at least 4, that pads least."""
    powers = [2**exponent for exponent in range(2, 8) if 2**exponent <= rows]
    return min(powers, key=lambda chunk: (triton.cdiv(m, chunk) * chunk, -chunk))

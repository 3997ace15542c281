"""Powerset similarity through PowerCLIP's aggregators; similarities are never stored.

Forward, a program owns some images and some texts. Rows of a tile are regions of its images,
columns are its texts, each with one phrase at a time: nothing is reduced across texts, and phrases
need no padding. Backward, a program owns a slice of some rows' gradients and computes the tiles of
those rows again. The sum over an image's regions stands in the gradient of each of them: regions of
an image are in one tile, or their tiles are computed twice.
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
    """Sums over regions (IMAGES, columns) inside NLA-T1 and NLA-T2, of a tile of similarities."""
    log1p = tau * tl.log(1.0 + tl.exp(-tl.abs(s) / tau))
    softplus = tl.maximum(s, 0.0, propagate_nan=tl.PropagateNan.ALL) + log1p
    bracket = s * 0.5 + zeta * (tl.abs(s) * 0.5 - tau * _LOG_2 + log1p)
    softplus = tl.where(region_valid[:, None], softplus, 0.0)
    bracket = tl.where(region_valid[:, None], bracket, 0.0)
    columns: tl.constexpr = s.shape[1]
    return (
        tl.sum(softplus.reshape((IMAGES, CHUNK, columns)), 1),
        tl.sum(bracket.reshape((IMAGES, CHUNK, columns)), 1),
    )


@triton.jit(do_not_specialize=["Bi", "Bt", "M", "K", "tau", "zeta"])
def _forward(
    regions, phrases, region_mask, phrase_mask, r2t, t2r, Bi, Bt, M, K, D, tau, zeta,
    IMAGES: tl.constexpr, CHUNK: tl.constexpr, TEXTS: tl.constexpr, BLOCK_D: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    image_block, text_block = tile_of_program(tl.cdiv(Bi, IMAGES), tl.cdiv(Bt, TEXTS))
    row = tl.arange(0, IMAGES * CHUNK)
    image = image_block.to(tl.int64) * IMAGES + row // CHUNK
    text = text_block.to(tl.int64) * TEXTS + tl.arange(0, TEXTS)
    # A logsumexp over nodes as exp(top / tau) * total, and the sum over nodes.
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
            region_row = image * M + region
            region_valid = valid(region_mask, region_row, (image < Bi) & (region < M))
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
def _weights(
    regions, region_mask, first_image, first_region, phrases, phrase_row, phrase_valid,
    r2t, grad_r2t, t2r_share, Bi, Bt, M, K, D, tau, zeta,
    IMAGES: tl.constexpr, CHUNK: tl.constexpr, WHOLE: tl.constexpr, BLOCK_D: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """Gradient of a tile of similarities, a chunk of some images' regions by phrases.

    Also the rows of those regions, and which of them are valid.
    """
    row = tl.arange(0, IMAGES * CHUNK)
    image = first_image + row // CHUNK
    region_row = image * M + first_region + row % CHUNK
    inside = (image < Bi) & (first_region + row % CHUNK < M)
    region_valid = valid(region_mask, region_row, inside)
    s = similarities(
        regions, region_row, region_valid, phrases, phrase_row, phrase_valid, D, BLOCK_D, PRECISION
    )
    if WHOLE:
        _, node = _aggregate(s, region_valid, tau, zeta, IMAGES, CHUNK)
    else:
        node = tl.zeros((IMAGES, phrase_row.shape[0]), tl.float32)
        for first in range(0, M, CHUNK):
            other_row = image * M + first + row % CHUNK
            other_valid = valid(region_mask, other_row, (image < Bi) & (first + row % CHUNK < M))
            other = similarities(
                regions, other_row, other_valid, phrases, phrase_row, phrase_valid,
                D, BLOCK_D, PRECISION,
            )  # fmt: skip
            _, bracket = _aggregate(other, other_valid, tau, zeta, IMAGES, CHUNK)
            node += bracket

    own_image = first_image + tl.arange(0, IMAGES)
    pair = (own_image * Bt)[:, None] + (phrase_row // K)[None, :]
    known = (own_image < Bi)[:, None] & phrase_valid[None, :]
    chosen = tl.exp((node - tl.load(r2t + pair, mask=known, other=0.0)) / tau)
    through_r2t = (chosen * tl.load(grad_r2t + pair, mask=known, other=0.0))[:, None, :]
    share = tl.load(t2r_share + pair, mask=known, other=0.0)[:, None, :]

    # With q = sigmoid(s / tau): tanh(s / (2 tau)) = 2 q - 1.
    e = tl.exp(-tl.abs(s) / tau)
    q = tl.where(s < 0, e, 1.0) / (1.0 + e)
    q = q.reshape((IMAGES, CHUNK, phrase_row.shape[0]))
    weight = through_r2t * (0.5 + zeta * (q - 0.5)) + share * q
    weight = weight.reshape((IMAGES * CHUNK, phrase_row.shape[0]))
    weight = tl.where(region_valid[:, None] & phrase_valid[None, :], weight, 0.0)
    return weight, region_row, region_valid


@triton.jit(do_not_specialize=["Bi", "Bt", "M", "K", "phrase_rows", "tau", "zeta"])
def _backward_regions(
    regions, phrases, region_mask, phrase_mask, r2t, grad_r2t, t2r_share, factor, grad_regions,
    Bi, Bt, M, K, D, phrase_rows, tau, zeta,
    IMAGES: tl.constexpr, CHUNK: tl.constexpr, WHOLE: tl.constexpr, BLOCK_Y: tl.constexpr,
    SLICE: tl.constexpr, BLOCK_D: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    slices = tl.cdiv(D, SLICE)
    block, own_slice = tl.program_id(0) // slices, tl.program_id(0) % slices
    chunks = tl.cdiv(M, CHUNK)
    first_image = (block // chunks).to(tl.int64) * IMAGES
    first_region = block % chunks * CHUNK
    grad = tl.zeros((IMAGES * CHUNK, SLICE), tl.float32)
    for first in range(0, phrase_rows, BLOCK_Y):
        phrase_row = first + tl.arange(0, BLOCK_Y).to(tl.int64)
        phrase_valid = valid(phrase_mask, phrase_row, phrase_row < phrase_rows)
        weight, _, _ = _weights(
            regions, region_mask, first_image, first_region, phrases, phrase_row, phrase_valid,
            r2t, grad_r2t, t2r_share, Bi, Bt, M, K, D, tau, zeta,
            IMAGES, CHUNK, WHOLE, BLOCK_D, PRECISION,
        )  # fmt: skip
        other = load_rows(phrases, phrase_row, phrase_valid, own_slice * SLICE, D, SLICE)
        grad = tl.dot(weight.to(other.dtype), other, grad, input_precision=PRECISION)

    if factor is not None:
        grad *= tl.load(factor)
    row = tl.arange(0, IMAGES * CHUNK)
    image, region = first_image + row // CHUNK, first_region + row % CHUNK
    d = own_slice * SLICE + tl.arange(0, SLICE)
    inside = ((image < Bi) & (region < M))[:, None] & (d < D)[None, :]
    tl.store(grad_regions + ((image * M + region) * D)[:, None] + d[None, :], grad, mask=inside)


@triton.jit(do_not_specialize=["Bi", "Bt", "M", "K", "phrase_rows", "tau", "zeta"])
def _backward_phrases(
    regions, phrases, region_mask, phrase_mask, r2t, grad_r2t, t2r_share, factor, grad_phrases,
    Bi, Bt, M, K, D, phrase_rows, tau, zeta,
    IMAGES: tl.constexpr, CHUNK: tl.constexpr, WHOLE: tl.constexpr, BLOCK_Y: tl.constexpr,
    SLICE: tl.constexpr, BLOCK_D: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    slices = tl.cdiv(D, SLICE)
    block, own_slice = tl.program_id(0) // slices, tl.program_id(0) % slices
    phrase_row = block.to(tl.int64) * BLOCK_Y + tl.arange(0, BLOCK_Y)
    phrase_valid = valid(phrase_mask, phrase_row, phrase_row < phrase_rows)
    grad = tl.zeros((BLOCK_Y, SLICE), tl.float32)
    chunks = tl.cdiv(M, CHUNK)
    for tile in range(0, tl.cdiv(Bi, IMAGES) * chunks):
        first_image = tl.zeros((1,), tl.int64) + tile // chunks * IMAGES
        weight, region_row, region_valid = _weights(
            regions, region_mask, first_image, tile % chunks * CHUNK,
            phrases, phrase_row, phrase_valid,
            r2t, grad_r2t, t2r_share, Bi, Bt, M, K, D, tau, zeta,
            IMAGES, CHUNK, WHOLE, BLOCK_D, PRECISION,
        )  # fmt: skip
        other = load_rows(regions, region_row, region_valid, own_slice * SLICE, D, SLICE)
        grad = tl.dot(tl.trans(weight.to(other.dtype)), other, grad, input_precision=PRECISION)

    if factor is not None:
        grad *= tl.load(factor)
    d = own_slice * SLICE + tl.arange(0, SLICE)
    inside = (phrase_row < phrase_rows)[:, None] & (d < D)[None, :]
    tl.store(grad_phrases + (phrase_row * D)[:, None] + d[None, :], grad, mask=inside)


def powerset_similarity(
    regions: Tensor,
    phrases: Tensor,
    region_mask: Tensor | None = None,
    phrase_mask: Tensor | None = None,
    tau: float | Tensor = 0.001,
    zeta: float = 0.75,
) -> tuple[Tensor, Tensor]:
    """(r2t, t2r), as `alignops::powerset_similarity`."""
    regions, phrases, region_mask, phrase_mask = component_inputs(
        regions, phrases, region_mask, phrase_mask
    )
    shape = len(regions), len(phrases)
    r2t, t2r = (regions.new_zeros(shape, dtype=accumulation_dtype(regions.dtype)) for _ in range(2))
    rows, texts = (32, 32) if regions.dtype == torch.float32 else (64, 64)
    chunk = _chunk(regions.shape[1], rows)
    launch(
        _forward,
        triton.cdiv(len(regions), rows // chunk) * triton.cdiv(len(phrases), texts),
        configurations(regions.dtype),
        regions=regions, phrases=phrases, region_mask=region_mask, phrase_mask=phrase_mask,
        r2t=r2t, t2r=t2r, Bi=len(regions), Bt=len(phrases), M=regions.shape[1],
        K=phrases.shape[1], D=regions.shape[2], tau=float(tau), zeta=zeta,
        IMAGES=rows // chunk, CHUNK=chunk, TEXTS=texts, PRECISION=precision(regions.dtype),
    )  # fmt: skip
    return r2t, t2r


def powerset_similarity_backward(
    grad_r2t: Tensor,
    grad_t2r: Tensor,
    regions: Tensor,
    phrases: Tensor,
    region_mask: Tensor | None,
    phrase_mask: Tensor | None,
    tau: float | Tensor,
    r2t: Tensor,
    zeta: float,
) -> tuple[Tensor, Tensor]:
    """Gradients of regions and phrases, as `alignops::powerset_similarity_backward`."""
    regions, phrases, region_mask, phrase_mask = component_inputs(
        regions, phrases, region_mask, phrase_mask
    )
    shape, scores = (len(regions), len(phrases)), accumulation_dtype(regions.dtype)
    grad_r2t = checked(grad_r2t, "grad_r2t", shape, scores)
    grad_t2r = checked(grad_t2r, "grad_t2r", shape, scores)
    r2t = checked(r2t, "r2t", shape, scores)
    shrink, (grad_r2t, grad_t2r) = scaled(regions.dtype, grad_r2t, grad_t2r)
    grad_regions, grad_phrases = regions.new_zeros(regions.shape), phrases.new_zeros(phrases.shape)
    (images, m, dim), k = regions.shape, phrases.shape[1]
    if 0 in (m, k):
        return grad_regions, grad_phrases

    rows, columns, widest = (32, 32, 64) if regions.dtype == torch.float32 else (64, 64, 256)
    # Few chunks, as each is computed once more for every other one of its image.
    chunk = min(max(triton.next_power_of_2(m), 4), rows)
    own_slice = min(max(triton.next_power_of_2(dim), 16), widest)
    slices = triton.cdiv(dim, own_slice)
    region_tiles = triton.cdiv(images, rows // chunk) * triton.cdiv(m, chunk)
    arguments = {
        "regions": regions, "phrases": phrases,
        "region_mask": region_mask, "phrase_mask": phrase_mask,
        "r2t": r2t, "grad_r2t": grad_r2t, "t2r_share": grad_t2r / counts(phrases, phrase_mask),
        "factor": shrink, "Bi": images, "Bt": len(phrases), "M": m, "K": k, "D": dim,
        "phrase_rows": len(phrases) * k, "tau": float(tau), "zeta": zeta, "IMAGES": rows // chunk,
        "CHUNK": chunk, "WHOLE": chunk >= m, "BLOCK_Y": columns, "SLICE": own_slice,
        "PRECISION": precision(regions.dtype),
    }  # fmt: skip
    candidates = configurations(regions.dtype)
    programs = region_tiles * slices
    launch(_backward_regions, programs, candidates, grad_regions=grad_regions, **arguments)
    programs = triton.cdiv(len(phrases) * k, columns) * slices
    launch(_backward_phrases, programs, candidates, grad_phrases=grad_phrases, **arguments)
    return grad_regions, grad_phrases


def _chunk(m: int, rows: int) -> int:
    """Regions of an image in a tile at a time: the power of two, from 4 on, that pads least."""
    powers = [2**exponent for exponent in range(2, 8) if 2**exponent <= rows]
    return min(powers, key=lambda chunk: (triton.cdiv(m, chunk) * chunk, -chunk))

"""`alignops::powerset_similarity`: all subsets of regions, in time linear in regions."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from alignops.ops.arguments import (
    component_pair,
    number_between,
    number_tensor,
    positive_number,
)
from alignops.ops.autograd import block_second_derivative, differentiate
from alignops.ops.fakes import pair_gradients, pair_scores
from alignops.ops.registration import define_op, use_triton
from alignops.reference import powerset as reference


class PowersetSimilarity(NamedTuple):
    """Both directions of powerset alignment, each (Bi, Bt)."""

    r2t: Tensor
    t2r: Tensor


def powerset_similarity(
    regions: Tensor,
    phrases: Tensor,
    region_mask: Tensor | None = None,
    phrase_mask: Tensor | None = None,
    *,
    tau: float = 0.001,
    zeta: float = 0.75,
) -> PowersetSimilarity:
    """Similarity of all subsets of regions with all phrases, by PowerCLIP's aggregators.

    With s[m, B] = <regions[i, m], phrases[j, B]> over valid m and B (PowerCLIP, arXiv 2511.23170,
    NLA-T1 and NLA-T2):

        t2r[i, j] = mean_B sum_m tau softplus(s / tau)
        r2t[i, j] = tau logsumexp_B( 1/tau sum_m [ s/2 + zeta tau logcosh(s / (2 tau)) ] )

    As tau falls, t2r approaches that of `exact_powerset_similarity` from above; the exact r2t lies
    between those of zeta = 0 (up to tau log K) and zeta = 1. The similarities are never stored, and
    the result is stable for any tau > 0. A pair without a valid region or without a valid phrase
    scores 0 with zero gradient. A NaN in a valid region or phrase propagates.

    Args:
        regions: (Bi, M, D), float64, float32, bfloat16 or float16; or a jagged nested tensor.
        phrases: (Bt, K, D) of the same type and device; or a jagged nested tensor.
        region_mask: (Bi, M) bool, True = valid; None = all valid. Values of invalid regions are not
            read.
        phrase_mask: (Bt, K) bool, likewise.
        tau: temperature of softplus and logsumexp, in units of s; a number, as it receives no
            gradient.
        zeta: interpolation in [0, 1] from the lower to the upper bound of r2t.

    Returns:
        (r2t, t2r), each (Bi, Bt); float32 for 16-bit inputs (accumulated in float32), else the
            inputs' type.

    Raises:
        TypeError: an argument's type, or a mask's, is not one of the above.
        ValueError: shapes, devices or embedding sizes do not fit together, tau <= 0, or zeta
            outside [0, 1].
        RuntimeError: a second or forward-mode derivative is requested.
    """
    # In double, on the CPU: kernels read it without synchronising with a device.
    temperature = number_tensor(positive_number(tau, "tau"), torch.float64, torch.device("cpu"))
    zeta = number_between(zeta, "zeta", 0, 1)
    regions, phrases, region_mask, phrase_mask = component_pair(
        regions, phrases, region_mask, phrase_mask, ("regions", "phrases")
    )
    return PowersetSimilarity(
        *torch.ops.alignops.powerset_similarity(
            regions, phrases, region_mask, phrase_mask, temperature, zeta
        )
    )


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.zeta = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, grad_r2t: Tensor, grad_t2r: Tensor) -> tuple[Tensor | None, ...]:
    grads = torch.ops.alignops.powerset_similarity_backward(
        grad_r2t, grad_t2r, *ctx.saved_tensors, ctx.zeta
    )
    return *grads, None, None, None, None


define_op(
    "powerset_similarity",
    "(Tensor regions, Tensor phrases, Tensor? region_mask, Tensor? phrase_mask,"
    " Tensor tau, float zeta=0.75) -> (Tensor r2t, Tensor t2r)",
    reference=reference.powerset_similarity,
    fake=pair_scores,
)
define_op(
    "powerset_similarity_backward",
    "(Tensor grad_r2t, Tensor grad_t2r, Tensor regions, Tensor phrases,"
    " Tensor? region_mask, Tensor? phrase_mask, Tensor tau, float zeta)"
    " -> (Tensor grad_regions, Tensor grad_phrases)",
    reference=reference.powerset_similarity_backward,
    fake=pair_gradients,
)
differentiate("powerset_similarity", _backward, _setup_context)
block_second_derivative("powerset_similarity_backward", "powerset_similarity")
use_triton("powerset", "powerset_similarity", "powerset_similarity_backward")

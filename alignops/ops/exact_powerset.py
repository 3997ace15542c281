"""`alignops::exact_powerset_similarity`: all subsets of regions, enumerated."""

from typing import Any

import torch
from torch import Tensor

from alignops.ops.arguments import component_pair
from alignops.ops.autograd import block_second_derivative, differentiate
from alignops.ops.errors import wrong_value
from alignops.ops.fakes import pair_gradients, pair_scores
from alignops.ops.powerset import PowersetSimilarity
from alignops.ops.registration import define_op
from alignops.reference import exact_powerset as reference

MAX_REGIONS = 20


def exact_powerset_similarity(
    regions: Tensor,
    phrases: Tensor,
    region_mask: Tensor | None = None,
    phrase_mask: Tensor | None = None,
) -> PowersetSimilarity:
    """Similarity over all 2^M subsets of an image's regions, enumerated.

    `powerset_similarity` approximates it. With Q[A, B] = sum over m in A of <regions[i, m],
    phrases[j, B]>, for each subset A of the valid regions, the empty one included, and each valid
    phrase B (PowerCLIP, arXiv 2511.23170):

        r2t[i, j] = 2^-M sum_A max_B Q[A, B]        t2r[i, j] = mean_B max_A Q[A, B]

    Time grows with 2^M; memory does not. A pair without a valid region or without a valid phrase
    scores 0 with zero gradient. On a tie the lowest phrase takes the gradient. A NaN in a valid
    region or phrase propagates.

    Args:
        regions: (Bi, M, D) with M <= 20, float64, float32, bfloat16 or float16; or a jagged nested
            tensor.
        phrases: (Bt, K, D) of the same type and device; or a jagged nested tensor.
        region_mask: (Bi, M) bool, True = valid; None = all valid. Values of invalid regions are not
            read.
        phrase_mask: (Bt, K) bool, likewise.

    Returns:
        (r2t, t2r), each (Bi, Bt); float32 for 16-bit inputs (accumulated in float32), else the
            inputs' type.

    Raises:
        TypeError: an argument's type, or a mask's, is not one of the above.
        ValueError: shapes, devices or embedding sizes do not fit together, or M > 20.
        RuntimeError: a second or forward-mode derivative is requested.
    """
    regions, phrases, region_mask, phrase_mask = component_pair(
        regions, phrases, region_mask, phrase_mask, ("regions", "phrases")
    )
    if regions.shape[1] > MAX_REGIONS:
        raise wrong_value(
            "regions", regions, f"at most {MAX_REGIONS} regions, as 2^M subsets are enumerated"
        )
    return PowersetSimilarity(
        *torch.ops.alignops.exact_powerset_similarity(regions, phrases, region_mask, phrase_mask)
    )


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, grad_r2t: Tensor, grad_t2r: Tensor) -> tuple[Tensor | None, ...]:
    grads = torch.ops.alignops.exact_powerset_similarity_backward(
        grad_r2t, grad_t2r, *ctx.saved_tensors
    )
    return *grads, None, None


define_op(
    "exact_powerset_similarity",
    "(Tensor regions, Tensor phrases, Tensor? region_mask=None, Tensor? phrase_mask=None)"
    " -> (Tensor r2t, Tensor t2r)",
    reference=reference.exact_powerset_similarity,
    fake=pair_scores,
)
define_op(
    "exact_powerset_similarity_backward",
    "(Tensor grad_r2t, Tensor grad_t2r, Tensor regions, Tensor phrases,"
    " Tensor? region_mask, Tensor? phrase_mask)"
    " -> (Tensor grad_regions, Tensor grad_phrases)",
    reference=reference.exact_powerset_similarity_backward,
    fake=pair_gradients,
)
differentiate("exact_powerset_similarity", _backward, _setup_context)
block_second_derivative("exact_powerset_similarity_backward", "exact_powerset_similarity")

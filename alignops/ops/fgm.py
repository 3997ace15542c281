"""`alignops::fgm_similarity`: FILIP similarity, late interaction, MaxSim in both directions."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from alignops.ops.arguments import component_pair
from alignops.ops.autograd import block_second_derivative, differentiate, needs_grad
from alignops.ops.fakes import pair_gradients, pair_scores
from alignops.ops.registration import define_op, use_triton
from alignops.reference import fgm as reference


class FgmSimilarity(NamedTuple):
    """Both directions of FILIP similarity, each (Bx, By)."""

    x_to_y: Tensor
    y_to_x: Tensor


def fgm_similarity(
    x: Tensor, y: Tensor, x_mask: Tensor | None = None, y_mask: Tensor | None = None
) -> FgmSimilarity:
    """FILIP similarity, late interaction, MaxSim in both directions, for all pairs of samples.

    Takes the best match of each component on the other side, then the mean over components. With
    s[i, j, k, l] = <x[i, k], y[j, l]> over valid k and l (FILIP, arXiv 2111.07783; ColBERT's
    MaxSim; FGM in ComAlign, arXiv 2409.08206):

        x_to_y[i, j] = mean_k max_l s[i, j, k, l]        y_to_x[i, j] = mean_l max_k s[i, j, k, l]

    The tensor s is never built, forward or backward. A pair in which either side has no valid
    component scores 0 with zero gradient. On a tie the lowest index takes the gradient. A NaN in a
    valid component propagates.

    Args:
        x: (Bx, N, D), float64, float32, bfloat16 or float16; or a jagged nested tensor (Bx, ragged,
            D).
        y: (By, M, D) of the same type and device; or a jagged nested tensor (By, ragged, D).
        x_mask: (Bx, N) bool, True = valid; None = all valid. Values of invalid components are not
            read.
        y_mask: (By, M) bool, likewise.

    Returns:
        (x_to_y, y_to_x), each (Bx, By); float32 for 16-bit inputs (accumulated in float32), else
            the inputs' type.

    Raises:
        TypeError: an argument's type, or a mask's, is not one of the above.
        ValueError: shapes, devices or embedding sizes do not fit together.
        RuntimeError: a second or forward-mode derivative is requested.
    """
    x, y, x_mask, y_mask = component_pair(x, y, x_mask, y_mask, ("x", "y"))
    x_to_y, y_to_x, _, _ = torch.ops.alignops.fgm_similarity(x, y, x_mask, y_mask, needs_grad(x, y))
    return FgmSimilarity(x_to_y, y_to_x)


def _fake(
    x: Tensor,
    y: Tensor,
    x_mask: Tensor | None = None,
    y_mask: Tensor | None = None,
    save_argmax: bool = True,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    x_to_y, y_to_x = pair_scores(x, y)
    if not save_argmax:
        nothing = x.new_empty(0, dtype=reference.NOTHING_SAVED)
        return x_to_y, y_to_x, nothing, torch.empty_like(nothing)
    n, m = x.shape[1], y.shape[1]
    x_argmax = x.new_empty((*x_to_y.shape, n), dtype=reference.argmax_dtype(m))
    y_argmax = x.new_empty((*x_to_y.shape, m), dtype=reference.argmax_dtype(n))
    return x_to_y, y_to_x, x_argmax, y_argmax


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    x, y, x_mask, y_mask, _ = inputs
    ctx.save_for_backward(x, y, x_mask, y_mask, *output[2:])


def _backward(
    ctx: Any, grad_x_to_y: Tensor, grad_y_to_x: Tensor, *argmax_grads: None
) -> tuple[Tensor | None, ...]:
    grads = torch.ops.alignops.fgm_similarity_backward(grad_x_to_y, grad_y_to_x, *ctx.saved_tensors)
    return *grads, None, None, None


define_op(
    "fgm_similarity",
    "(Tensor x, Tensor y, Tensor? x_mask=None, Tensor? y_mask=None, bool save_argmax=True)"
    " -> (Tensor x_to_y, Tensor y_to_x, Tensor x_argmax, Tensor y_argmax)",
    reference=reference.fgm_similarity,
    fake=_fake,
)
define_op(
    "fgm_similarity_backward",
    "(Tensor grad_x_to_y, Tensor grad_y_to_x, Tensor x, Tensor y, Tensor? x_mask, Tensor? y_mask,"
    " Tensor x_argmax, Tensor y_argmax) -> (Tensor grad_x, Tensor grad_y)",
    reference=reference.fgm_similarity_backward,
    fake=pair_gradients,
)
differentiate("fgm_similarity", _backward, _setup_context)
block_second_derivative("fgm_similarity_backward", "fgm_similarity")
use_triton("fgm", "fgm_similarity", "fgm_similarity_backward")

"""`alignops::similarity_logsumexp`: over rows and columns, without building the matrix."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from alignops.ops.arguments import check_mask, embedding_pair, scale_tensor
from alignops.ops.autograd import block_second_derivative, differentiate
from alignops.ops.registration import define_op, use_triton
from alignops.reference import logsumexp as reference
from alignops.reference.components import accumulation_dtype


class SimilarityLogsumexp(NamedTuple):
    """Logsumexp over the rows (B,) and over the columns (T,) of one similarity matrix."""

    row: Tensor
    col: Tensor


def similarity_logsumexp(
    x: Tensor,
    y: Tensor,
    scale: float | Tensor,
    x_mask: Tensor | None = None,
    y_mask: Tensor | None = None,
) -> SimilarityLogsumexp:
    """Logsumexp over rows and columns of scale * x y^T: the denominators of contrastive losses.

        row[i] = log sum_j exp(scale <x[i], y[j]>)        col[j] = log sum_i exp(scale <x[i], y[j]>)

    over valid i and j. The matrix is never built. An empty logsumexp, and that of an invalid row or
    column, is -inf and has zero gradient. A NaN in a valid row propagates.

    Args:
        x: (B, D), float64, float32, bfloat16 or float16.
        y: (T, D) of the same type and device.
        scale: inverse temperature: a float, or a 0-d tensor, which receives a gradient.
        x_mask: (B,) bool, True = valid; None = all valid. Values of invalid rows are not read.
        y_mask: (T,) bool, likewise.

    Returns:
        (row (B,), col (T,)); float32 for 16-bit inputs (accumulated in float32), else the inputs'
            type.

    Raises:
        TypeError: an argument's type, or a mask's, is not one of the above.
        ValueError: shapes, devices or embedding sizes do not fit together, or `scale` is a number
            that is not finite.
        RuntimeError: a second or forward-mode derivative is requested.
    """
    x, y = embedding_pair(x, y, ("x", "y"), dims=2)
    check_mask(x, x_mask, "x")
    check_mask(y, y_mask, "y")
    return SimilarityLogsumexp(
        *torch.ops.alignops.similarity_logsumexp(
            x, y, scale_tensor(scale, "scale", x), x_mask, y_mask
        )
    )


def _fake(x: Tensor, y: Tensor, *unused: Any) -> tuple[Tensor, Tensor]:
    dtype = accumulation_dtype(x.dtype)
    return x.new_empty(x.shape[:1], dtype=dtype), y.new_empty(y.shape[:1], dtype=dtype)


def _fake_backward(
    grad_row: Tensor, grad_col: Tensor, x: Tensor, y: Tensor, scale: Tensor, *unused: Any
) -> tuple[Tensor, Tensor, Tensor]:
    return x.new_empty(x.shape), y.new_empty(y.shape), scale.new_empty(())


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(*inputs, *output)


def _backward(ctx: Any, grad_row: Tensor, grad_col: Tensor) -> tuple[Tensor | None, ...]:
    grads = torch.ops.alignops.similarity_logsumexp_backward(grad_row, grad_col, *ctx.saved_tensors)
    return *grads, None, None


define_op(
    "similarity_logsumexp",
    "(Tensor x, Tensor y, Tensor scale, Tensor? x_mask=None, Tensor? y_mask=None)"
    " -> (Tensor row, Tensor col)",
    reference=reference.similarity_logsumexp,
    fake=_fake,
)
define_op(
    "similarity_logsumexp_backward",
    "(Tensor grad_row, Tensor grad_col, Tensor x, Tensor y, Tensor scale,"
    " Tensor? x_mask, Tensor? y_mask, Tensor row, Tensor col)"
    " -> (Tensor grad_x, Tensor grad_y, Tensor grad_scale)",
    reference=reference.similarity_logsumexp_backward,
    fake=_fake_backward,
)
differentiate("similarity_logsumexp", _backward, _setup_context)
block_second_derivative("similarity_logsumexp_backward", "similarity_logsumexp")
use_triton("logsumexp", "similarity_logsumexp", "similarity_logsumexp_backward")

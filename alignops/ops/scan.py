"""`alignops::scan_similarity`: SCAN's similarity in both directions, without a gradient."""

from typing import NamedTuple

import torch
from torch import Tensor

from alignops.ops.arguments import component_pair, finite_number
from alignops.ops.autograd import refuse_gradient
from alignops.ops.fakes import pair_scores
from alignops.ops.registration import define_op, use_triton
from alignops.reference import scan as reference


class ScanSimilarity(NamedTuple):
    """Both directions of SCAN's similarity, each (Bx, By)."""

    x_to_y: Tensor
    y_to_x: Tensor


def scan_similarity(
    x: Tensor,
    y: Tensor,
    x_mask: Tensor | None = None,
    y_mask: Tensor | None = None,
    *,
    negative_slope: float = 0.1,
) -> ScanSimilarity:
    """SCAN's similarity: the mean over components of the best normalised match, for all pairs.

    With c[i, j, k, l] = leaky_relu(cos(x[i, k], y[j, l])) over valid k and l (SCAN, arXiv
    1803.08024; the cross-modal relations of AAHR), x regions and y words:

        x_to_y[i, j] = mean_k max_l c[i, j, k, l] / ||c[i, j, :, l]||
        y_to_x[i, j] = mean_l max_k c[i, j, k, l] / ||c[i, j, k, :]||

    The tensor c is never built. A pair in which either side has no valid component scores 0. A
    component, or a row or column of c, of norm 0 contributes 0. A NaN in a valid component
    propagates.

    Args:
        x: (Bx, N, D), float64, float32, bfloat16 or float16, of any norm; or a jagged nested
            tensor (Bx, ragged, D).
        y: (By, M, D) of the same type and device; or a jagged nested tensor (By, ragged, D).
        x_mask: (Bx, N) bool, True = valid; None = all valid. Values of invalid components are not
            read.
        y_mask: (By, M) bool, likewise.
        negative_slope: slope of the leaky ReLU below 0; a finite number, as it receives no
            gradient.

    Returns:
        (x_to_y, y_to_x), each (Bx, By); float32 for 16-bit inputs (accumulated in float32), else
            the inputs' type.

    Raises:
        TypeError: an argument's type, or a mask's, is not one of the above.
        ValueError: shapes, devices or embedding sizes do not fit together, or `negative_slope` is
            not finite.
        RuntimeError: a gradient is requested; relations are computed from detached features.
    """
    slope = finite_number(negative_slope, "negative_slope")
    x, y, x_mask, y_mask = component_pair(x, y, x_mask, y_mask, ("x", "y"))
    return ScanSimilarity(*torch.ops.alignops.scan_similarity(x, y, x_mask, y_mask, slope))


define_op(
    "scan_similarity",
    "(Tensor x, Tensor y, Tensor? x_mask=None, Tensor? y_mask=None, float negative_slope=0.1)"
    " -> (Tensor x_to_y, Tensor y_to_x)",
    reference=reference.scan_similarity,
    fake=pair_scores,
)
refuse_gradient(
    "scan_similarity",
    "detach its inputs, or use alignops.reference.scan.scan_similarity on small ones",
)
use_triton("scan", "scan_similarity")

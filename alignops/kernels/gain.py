"""Scaling of gradients in float16, against underflow and overflow."""

import torch
from torch import Tensor

# A weight is at most twice the largest gradient, so it stays below float16's 65504. Weights keep
# full precision down to 2^-28 of that.
_LARGEST = 2.0**14


def scaled(dtype: torch.dtype, *grads: Tensor) -> tuple[Tensor | None, tuple[Tensor, ...]]:
    """1 / gain (0-d, on the device) and the gradients times gain; (None, grads) unless float16."""
    if dtype != torch.float16 or any(grad.numel() == 0 for grad in grads):
        return None, grads
    largest = torch.stack([grad.abs().amax() for grad in grads]).amax()
    usable = (largest > 0) & largest.isfinite()
    gain = torch.where(usable, _LARGEST / largest, 1.0)
    return 1 / gain, tuple(grad * gain for grad in grads)

"""Weights of gradients in float16: scaled so that neither the small nor the large are lost."""

import torch
from torch import Tensor

# A weight is at most twice the largest gradient: it stays below float16's 65504. Weights are exact
# down to 2^-28 of that.
_LARGEST = 2.0**14


def scaled(dtype: torch.dtype, *grads: Tensor) -> tuple[Tensor | None, tuple[Tensor, ...]]:
    """Gradients times a gain, and 1 / gain (0-d), on the device; None and as they are otherwise."""
    if dtype != torch.float16 or any(grad.numel() == 0 for grad in grads):
        return None, grads
    largest = torch.stack([grad.abs().amax() for grad in grads]).amax()
    usable = (largest > 0) & largest.isfinite()
    gain = torch.where(usable, _LARGEST / largest, 1.0)
    return 1 / gain, tuple(grad * gain for grad in grads)

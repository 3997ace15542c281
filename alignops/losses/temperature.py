"""A learned temperature, stored as the logarithm of the scale of the similarities."""

import math

import torch
from torch import Tensor, nn

from alignops.ops.arguments import positive_number

_LARGEST_LOGIT_SCALE = 100.0  # CLIP's (arXiv 2103.00020)


def log_scale(temperature: float) -> nn.Parameter:
    """Create the parameter from an initial temperature above 0."""
    return nn.Parameter(torch.tensor(-math.log(positive_number(temperature, "temperature"))))


def logit_scale(log_scale: Tensor) -> Tensor:
    """Scale of the similarities, at most 100; 0-d, with gradient."""
    return log_scale.exp().clamp(max=_LARGEST_LOGIT_SCALE)

"""WiSE-FT (arXiv 2109.01903): weights between those before and those after fine-tuning."""

from collections.abc import Mapping

import torch
from torch import Tensor

from alignops.models.dual_encoder import DualEncoder


def vision_weights(model: DualEncoder) -> dict[str, Tensor]:
    """Copy the weights of the image tower."""
    return {name: weight.clone() for name, weight in model.network.visual.state_dict().items()}


@torch.no_grad()
def interpolate_vision(model: DualEncoder, before: Mapping[str, Tensor], weight: float) -> None:
    """Move the image tower to `(1 - weight) * before + weight * after`, in place.

    Args:
        model: after fine-tuning; its text tower stays as it is.
        before: `vision_weights` of the model before fine-tuning.
        weight: 0 = before, 1 = after.

    Raises:
        ValueError: the weight is not between 0 and 1.
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"weight is {weight}; expected a number between 0 and 1")
    for name, after in model.network.visual.state_dict().items():
        if after.is_floating_point():
            after.lerp_(before[name].to(after.device), 1 - weight)

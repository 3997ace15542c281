"""The objectives of the field as modules: each is usable alone in any training loop."""

from alignops.losses.clip import ClipLoss
from alignops.losses.fine_grained import Components, FineGrainedContrastiveLoss
from alignops.losses.multi_positive import MultiPositiveContrastiveLoss
from alignops.losses.powerset import PowersetTripletLoss

__all__ = [
    "ClipLoss",
    "Components",
    "FineGrainedContrastiveLoss",
    "MultiPositiveContrastiveLoss",
    "PowersetTripletLoss",
]

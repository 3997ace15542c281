"""Training objectives as modules, each usable alone in any training loop."""

from alignops.losses.clip import ClipLoss
from alignops.losses.filip import FilipLoss
from alignops.losses.fine_grained import ComponentFeatures, FineGrainedContrastiveLoss
from alignops.losses.graph import GraphLoss, InstanceGraph
from alignops.losses.instance_relations import (
    InstanceRelations,
    across_relations,
    relation_divergence,
    within_relations,
)
from alignops.losses.momentum import MomentumContrastiveLoss, momentum_copy
from alignops.losses.multi_positive import MultiPositiveContrastiveLoss
from alignops.losses.powerset import PowersetTripletLoss
from alignops.losses.prototype import PrototypeContrastiveLoss
from alignops.losses.triplet import DistanceWeightedTripletLoss, HardestTripletLoss

__all__ = [
    "ClipLoss",
    "ComponentFeatures",
    "DistanceWeightedTripletLoss",
    "FilipLoss",
    "FineGrainedContrastiveLoss",
    "GraphLoss",
    "HardestTripletLoss",
    "InstanceGraph",
    "InstanceRelations",
    "MomentumContrastiveLoss",
    "MultiPositiveContrastiveLoss",
    "PowersetTripletLoss",
    "PrototypeContrastiveLoss",
    "across_relations",
    "momentum_copy",
    "relation_divergence",
    "within_relations",
]

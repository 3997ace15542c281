"""Encoders: the open_clip tower and its tiny configuration, and the ComAlign encoder."""

from alignops.models.average_pooling import AveragePooledTower
from alignops.models.comalign import ComAlignEncoder
from alignops.models.config import TowerConfig, build_tower
from alignops.models.tower import ImageEmbeddings, TextEmbeddings, Tower

__all__ = [
    "AveragePooledTower",
    "ComAlignEncoder",
    "ImageEmbeddings",
    "TextEmbeddings",
    "Tower",
    "TowerConfig",
    "build_tower",
]

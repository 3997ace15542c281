"""Encoders: the open_clip tower, its tiny configuration, the ComAlign and AAHR encoders."""

from alignops.models.aahr import AahrEmbeddings, AahrEncoder, LocalGlobal
from alignops.models.average_pooling import AveragePooledTower
from alignops.models.comalign import ComAlignEncoder
from alignops.models.config import TowerConfig, build_tower
from alignops.models.tower import ImageEmbeddings, TextEmbeddings, Tower

__all__ = [
    "AahrEmbeddings",
    "AahrEncoder",
    "AveragePooledTower",
    "ComAlignEncoder",
    "ImageEmbeddings",
    "LocalGlobal",
    "TextEmbeddings",
    "Tower",
    "TowerConfig",
    "build_tower",
]

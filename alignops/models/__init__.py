"""Encoders: the open_clip tower, its tiny configuration, BERT, ComAlign's and AAHR's."""

from alignops.models.aahr import AahrEmbeddings, AahrEncoder, LocalGlobal
from alignops.models.average_pooling import AveragePooledTower
from alignops.models.bert import BertWords
from alignops.models.comalign import ComAlignEncoder
from alignops.models.config import TowerConfig, build_tower
from alignops.models.tower import ImageEmbeddings, TextEmbeddings, Tower

__all__ = [
    "AahrEmbeddings",
    "AahrEncoder",
    "AveragePooledTower",
    "BertWords",
    "ComAlignEncoder",
    "ImageEmbeddings",
    "LocalGlobal",
    "TextEmbeddings",
    "Tower",
    "TowerConfig",
    "build_tower",
]

"""Encoders: the dual encoder on open_clip, BERT, ComAlign's and AAHR's."""

from alignops.models.aahr import AahrEmbeddings, AahrEncoder, LocalGlobal
from alignops.models.average_pooling import AveragePooledDualEncoder
from alignops.models.bert import BertWords
from alignops.models.comalign import ComAlignEncoder
from alignops.models.config import DualEncoderConfig, build_dual_encoder
from alignops.models.dual_encoder import DualEncoder, ImageEmbeddings, TextEmbeddings

__all__ = [
    "AahrEmbeddings",
    "AahrEncoder",
    "AveragePooledDualEncoder",
    "BertWords",
    "ComAlignEncoder",
    "DualEncoder",
    "DualEncoderConfig",
    "ImageEmbeddings",
    "LocalGlobal",
    "TextEmbeddings",
    "build_dual_encoder",
]

"""MosaiCLIP: images contrasted with parts of their captions and with hard negatives of these."""

from alignops.methods.mosaiclip.method import MOSAICLIP, MosaiClipConfig, MosaiClipObjective
from alignops.methods.mosaiclip.texts import TextConfig

__all__ = ["MOSAICLIP", "MosaiClipConfig", "MosaiClipObjective", "TextConfig"]

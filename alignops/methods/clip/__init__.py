"""CLIP: the plain contrastive baseline, and the base that the other methods start from."""

from alignops.methods.clip.examples import ClipExamples
from alignops.methods.clip.method import CLIP, ClipConfig, ClipObjective

__all__ = ["CLIP", "ClipConfig", "ClipExamples", "ClipObjective"]

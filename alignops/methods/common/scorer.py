"""Scores of every image against every caption, for evaluation."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from torch import Tensor

from alignops.data import PairedDataset


class Similarities(NamedTuple):
    """Scores of images with captions; higher is better.

    Attributes:
        i2t: (images, captions), to rank captions for an image.
        t2i: (images, captions), to rank images for a caption.
    """

    i2t: Tensor
    t2i: Tensor


class Scorer(Protocol):
    """What evaluation needs of a method."""

    def similarities(self, images: PairedDataset, captions: Sequence[str]) -> Similarities:
        """Score every image of a dataset with every caption; float32 on the CPU."""

"""The item type and the interface of paired datasets."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

if TYPE_CHECKING:
    from alignops.data.scenes.compositional import CompositionalPair


@dataclass(frozen=True, slots=True)
class ImageCaptions:
    """An image with its captions.

    Attributes:
        image: RGB.
        captions: one or more texts about the image.
        key: unique and stable name of the image within its dataset, such as its file name.
    """

    image: Image.Image
    captions: tuple[str, ...]
    key: str


class PairedDataset(ABC):
    """A map-style dataset whose texts can be read without opening an image.

    A dataset inherits from it, and says what it has.

    Attributes:
        captions: captions of each image.
        keys: key of each image; see `ImageCaptions`.
        has_images: whether an item can be opened; region features may stand in for images.
        has_boxes: whether `boxes` gives the true boxes of an image.
        has_regions: whether `regions` gives region features computed beforehand.
    """

    captions: Sequence[tuple[str, ...]]
    keys: Sequence[str]
    has_images: bool = True
    has_boxes: bool = False
    has_regions: bool = False

    def fingerprints(self) -> list[str]:
        """Identify each image by its contents: equal strings mean equal pixels, whatever the keys.

        This default reads every image; a dataset that can identify its images faster overrides it.
        """
        images = (self[index].image for index in range(len(self)))
        return [
            sha256(f"{image.mode} {image.size} ".encode() + image.tobytes()).hexdigest()
            for image in images
        ]

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of images."""

    @abstractmethod
    def __getitem__(self, index: int) -> ImageCaptions:
        """Open one image."""

    def boxes(self, index: int) -> NDArray[np.float32]:
        """Return an image's true boxes: float32 (n, 4), xyxy in pixels."""
        raise NotImplementedError(f"{type(self).__name__} has no boxes, as has_boxes says")

    def regions(self, index: int) -> Tensor:
        """Read an image's region features: float32 (n, D)."""
        raise NotImplementedError(f"{type(self).__name__} has no regions, as has_regions says")

    def compositional_pairs(self, seed: int) -> Mapping[str, Sequence["CompositionalPair"]]:
        """Pair captions with ones false in a single respect, by kind; photos have none."""
        return {}

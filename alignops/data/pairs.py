"""The one item of every paired dataset, and what such a dataset offers."""

from dataclasses import dataclass
from typing import Protocol

from PIL import Image


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


class PairedDataset(Protocol):
    """A map-style dataset whose texts can be read without opening an image."""

    @property
    def captions(self) -> list[tuple[str, ...]]:
        """Captions of each item, by index."""

    @property
    def keys(self) -> list[str]:
        """Key of each item."""

    def fingerprints(self) -> list[str]:
        """Say what each image is: equal texts, equal pixels, whatever the images' keys."""

    def __len__(self) -> int:
        """Return the number of images."""

    def __getitem__(self, index: int) -> ImageCaptions:
        """Open one image."""

"""The images of a training: whole or cropped at random, and kept in memory where they fit."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from alignops.data import PairedDataset
from alignops.models import DualEncoder
from alignops.progress import track

# Above this the preprocessed images are read anew in each epoch.
_PIXELS_IN_MEMORY = 2**30


class TrainingImages:
    """Preprocessed images of a dataset.

    Args:
        model: what they are preprocessed for.
        dataset: where they come from.
        random_crop: smallest share of an image's area that a crop keeps, in (0, 1]; the crop has
            the image's proportions. 1 = whole images.

    Raises:
        ValueError: the share is not in (0, 1].
    """

    def __init__(
        self, model: DualEncoder, dataset: PairedDataset, random_crop: float = 1.0
    ) -> None:
        if not 0 < random_crop <= 1:
            raise ValueError(f"random_crop is {random_crop}; expected a share in (0, 1]")
        self._dataset = dataset
        self._preprocess = model.preprocess
        self._random_crop = random_crop
        size = 4 * len(dataset) * torch.Size(model.input_shape).numel()
        fits = random_crop == 1 and size <= _PIXELS_IN_MEMORY
        self._pixels = _read_all(model, dataset) if fits else None

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._dataset)

    def draw(self, index: int, random: np.random.Generator) -> Tensor:
        """Give an image as the model takes it: (3, S, S)."""
        if self._pixels is not None:
            return self._pixels[index]
        image = self._dataset[index].image
        return self._preprocess(_crop(image, self._random_crop, random))


def _read_all(model: DualEncoder, dataset: PairedDataset) -> Tensor:
    """Preprocess every image: float32 (len(dataset), 3, S, S)."""
    pixels = torch.empty(len(dataset), *model.input_shape)
    for index in track(range(len(dataset)), "Reading images", len(dataset)):
        pixels[index] = model.preprocess(dataset[index].image)
    return pixels


def _crop(image: Image.Image, smallest: float, random: np.random.Generator) -> Image.Image:
    if smallest == 1:
        return image
    side = random.uniform(smallest, 1) ** 0.5
    width, height = side * image.width, side * image.height
    left, top = random.uniform(0, image.width - width), random.uniform(0, image.height - height)
    return image.crop((round(left), round(top), round(left + width), round(top + height)))

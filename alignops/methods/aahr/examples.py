"""What AAHR is trained on: captions with their images, both as global and local features."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from alignops.methods.aahr.features import collate_local, local_rows
from alignops.methods.aahr.objective import AahrBatch
from alignops.methods.common.frozen import Features, FrozenPairs
from alignops.training import Example


class Pair(NamedTuple):
    """A caption and its image: of each the global feature (1, Dg) and the local ones (n, Dl)."""

    image: tuple[Tensor, Tensor]
    text: tuple[Tensor, Tensor]
    image_id: int


class AahrExamples:
    """A caption's features with its image's; an image comes as often as it has captions.

    Args:
        pairs: the features.
        drop: share of regions and of words left out, drawn anew each time; never all of them.
    """

    def __init__(self, pairs: FrozenPairs, drop: float) -> None:
        self._features = pairs
        self._pairs = [(image, row) for image, owned in enumerate(pairs.rows) for row in owned]
        self._drop = drop

    @property
    def sizes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Sizes (Dl, Dg) of local and global features, of images and of captions."""
        index, row = self._pairs[0]
        return _sizes(self._features.images[index]), _sizes(self._features.captions[row])

    def __len__(self) -> int:
        """Return the number of captions."""
        return len(self._pairs)

    def __getitem__(self, example: Example) -> Pair:
        """Return a pair with a random share of its regions and words dropped."""
        index, row = self._pairs[example.index]
        image, text = self._features.images[index], self._features.captions[row]
        random = example.random()
        regions = self._thinned(local_rows(image), random)
        words = self._thinned(local_rows(text), random)
        return Pair((image["pooled"], regions), (text["pooled"], words), index)

    def _thinned(self, rows: Tensor, random: np.random.Generator) -> Tensor:
        kept = torch.from_numpy(random.random(len(rows)) >= self._drop)
        return rows[kept] if kept.any() else rows


def collate_pairs(items: Sequence[Pair]) -> AahrBatch:
    """Make a batch of pairs."""
    images, texts, ids = zip(*items, strict=True)
    image = collate_local(*zip(*images, strict=True))
    return AahrBatch(image, collate_local(*zip(*texts, strict=True)), torch.tensor(ids))


def _sizes(features: Features) -> tuple[int, int]:
    return local_rows(features).shape[1], features["pooled"].shape[1]

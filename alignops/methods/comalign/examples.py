"""What ComAlign is trained on: frozen features of images and captions."""

from collections.abc import Sequence

from alignops.losses import ComponentFeatures
from alignops.methods.comalign.encoder import collate_components
from alignops.methods.common.frozen import Features, FrozenPairs
from alignops.training import Example

Pair = tuple[Features, Features]
"""Features of an image and of a caption."""


class ComAlignExamples:
    """Frozen features of an image with those of one of its captions, drawn anew each time."""

    def __init__(self, pairs: FrozenPairs) -> None:
        self._pairs = pairs

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._pairs.images)

    def __getitem__(self, example: Example) -> Pair:
        """Give the features of an image and of a caption."""
        rows = self._pairs.rows[example.index]
        caption = rows[int(example.random().integers(len(rows)))]
        return self._pairs.images[example.index], self._pairs.captions[caption]


def collate_pairs(items: Sequence[Pair]) -> tuple[ComponentFeatures, ComponentFeatures]:
    """Make a batch of pairs."""
    images, captions = zip(*items, strict=True)
    return collate_components(images), collate_components(captions)

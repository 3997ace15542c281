"""What CLIP is trained on: images, each with one of its captions."""

from collections.abc import Sequence

import torch
from torch import Tensor

from alignops.data import PairedDataset
from alignops.methods.common.captions import CaptionTable
from alignops.methods.common.images import TrainingImages
from alignops.models import DualEncoder
from alignops.training import Example

Pair = tuple[Tensor, Tensor]
"""Image (3, S, S) and token ids (L,)."""


class ClipExamples:
    """Preprocessed images, each with the tokens of one of its captions, drawn anew each time.

    Args:
        model: gives preprocessing and tokenizer.
        dataset: images with captions.
        random_crop: see `TrainingImages`.
    """

    def __init__(self, model: DualEncoder, dataset: PairedDataset, random_crop: float) -> None:
        self._images = TrainingImages(model, dataset, random_crop)
        table = CaptionTable(dataset.captions)
        self._tokens = torch.split(model.tokenizer(table.texts), table.counts)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._images)

    def __getitem__(self, example: Example) -> Pair:
        """Give an image with one of its captions."""
        tokens = self._tokens[example.index][self.caption(example)]
        [crop] = example.random().spawn(1)  # beside the one that draws the caption
        return self._images.draw(example.index, crop), tokens

    def caption(self, example: Example) -> int:
        """Draw which of the captions is taken."""
        return int(example.random().integers(len(self._tokens[example.index])))


def collate_pairs(items: Sequence[Pair]) -> Pair:
    """Make a batch: images (B, 3, S, S) and token ids (B, L)."""
    images, tokens = zip(*items, strict=True)
    return torch.stack(images), torch.stack(tokens)

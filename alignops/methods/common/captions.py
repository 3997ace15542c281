"""The captions of a dataset as one list, and back to their images."""

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

Value = TypeVar("Value")


class CaptionTable:
    """All captions of a dataset, image after image.

    Args:
        captions: those of each image.

    Attributes:
        texts: T captions; a text may stand there several times.
        counts: captions of each image.
        distinct: every text once, in the order of first appearance.
        rows: of each caption the place of its text in `distinct`.
    """

    def __init__(self, captions: Sequence[Sequence[str]]) -> None:
        self.texts = [text for texts in captions for text in texts]
        self.counts = [len(texts) for texts in captions]
        self.distinct, self.rows = distinct_texts(self.texts)

    @property
    def image_index(self) -> Tensor:
        """The image each caption belongs to: (T,) int64."""
        counts = torch.tensor(self.counts, dtype=torch.int64)
        return torch.arange(len(counts)).repeat_interleave(counts)

    def by_image(self, values: Sequence[Value]) -> list[Sequence[Value]]:
        """Group what belongs to each of the T captions by image."""
        ends = torch.tensor(self.counts, dtype=torch.int64).cumsum(0).tolist()
        return [values[end - count : end] for count, end in zip(self.counts, ends, strict=True)]


def distinct_texts(texts: Sequence[str]) -> tuple[list[str], list[int]]:
    """List every text once, in the order of first appearance, and the place of each there."""
    place = {text: index for index, text in enumerate(dict.fromkeys(texts))}
    return list(place), [place[text] for text in texts]

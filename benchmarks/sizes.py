"""Problem sizes of the papers' trainings, and random inputs of those sizes."""

from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import normalize

# Texts per image as in MosaiCLIP: 3 positives and 6 hard negatives.
_POSITIVES = 3


@dataclass(frozen=True)
class ComponentSize:
    """Two batches of samples with n and m components of `dim` values."""

    source: str
    batch: int
    n: int
    m: int
    dim: int

    @property
    def family(self) -> str:
        """The sizes other than the batch."""
        return f"{self.n} x {self.m} x {self.dim}"

    def __str__(self) -> str:
        return f"{self.source} {self.batch} x {self.family}"

    def with_batch(self, batch: int) -> "ComponentSize":
        """The same problem with another batch."""
        return replace(self, batch=batch)

    def inputs(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """L2-normalised components (batch, n, dim) and (batch, m, dim)."""
        return (
            _embeddings(self.batch, self.n, self.dim, dtype=dtype),
            _embeddings(self.batch, self.m, self.dim, dtype=dtype),
        )


@dataclass(frozen=True)
class TextSize:
    """A batch of images with the same number of texts each."""

    source: str
    batch: int
    texts_per_image: int
    dim: int

    @property
    def family(self) -> str:
        """The sizes other than the batch."""
        return f"{self.texts_per_image} texts x {self.dim}"

    def __str__(self) -> str:
        return f"{self.source} {self.batch} x {self.batch * self.texts_per_image} x {self.dim}"

    def with_batch(self, batch: int) -> "TextSize":
        """The same problem with another batch."""
        return replace(self, batch=batch)

    def inputs(self, dtype: torch.dtype) -> tuple[Tensor, ...]:
        """L2-normalised images (batch, dim) and texts (T, dim), T = batch * texts_per_image.

        Then each text's image (T,) int64, and whether it is a positive (T,) bool.
        """
        return (
            _embeddings(self.batch, self.dim, dtype=dtype),
            _embeddings(self.batch * self.texts_per_image, self.dim, dtype=dtype),
            torch.arange(self.batch).repeat_interleave(self.texts_per_image),
            (torch.arange(self.texts_per_image) < _POSITIVES).repeat(self.batch),
        )


Size: TypeAlias = ComponentSize | TextSize


def _embeddings(*shape: int, dtype: torch.dtype) -> Tensor:
    return normalize(torch.randn(shape), dim=-1).to(dtype)

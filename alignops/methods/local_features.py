"""Images and captions as a frozen tower's global and local features: what AAHR is trained on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor

from alignops.data import (
    FeatureCache,
    PairedDataset,
    PrecomputedRegions,
    content_key,
    images_key,
    pad_rows,
)
from alignops.methods.components import ComponentConfig, ComponentEncoder
from alignops.methods.data import BoxSource
from alignops.models import BertWords, LocalGlobal, Tower

# Images or captions per pass.
_BATCH = 256

Regions = Literal["patches", "boxes"]

Features = Mapping[str, Tensor]
"""Of one image or caption: "pooled" (1, D); all others are local features (n, D)."""


class Items(Protocol):
    """The features of a dataset's images, or of captions."""

    def __len__(self) -> int:
        """Return the number of items."""

    def __getitem__(self, index: int) -> Features:
        """Read those of one."""


class LocalEncoder:
    """Embeds images as a whole and by regions, captions as a whole and by words.

    Regions are the tower's patches, or crops of the boxes that `ComponentEncoder` takes, of objects
    and of pairs of them. A dataset of precomputed regions has its own, and their mean as the whole.

    Args:
        tower: stays frozen.
        regions: of an image.
        boxes: where they come from; for "boxes".
        limits: how many; for "boxes".
        bert: whose tokens are a caption's words, instead of the tower's own.
    """

    def __init__(
        self,
        tower: Tower,
        regions: Regions,
        boxes: BoxSource,
        limits: ComponentConfig,
        bert: BertWords | None = None,
    ) -> None:
        self.tower = tower.eval().requires_grad_(False)
        self.regions = regions
        self.components = ComponentEncoder(tower, boxes, limits)
        self.bert = bert

    def cached_images(self, dataset: PairedDataset, folder: Path) -> Items:
        """Embed a dataset's images, or read what an earlier call embedded: an item per image."""
        if isinstance(dataset, PrecomputedRegions):
            return _Precomputed(dataset)
        if self.regions == "boxes":
            return self.components.cached_images(dataset, folder)
        cache = FeatureCache(folder, self._key(patches=images_key(dataset)), len(dataset))
        cache.fill(lambda items: self._images(dataset, items), description="Embedding images")
        return cache

    def cached_captions(self, captions: Sequence[str], folder: Path) -> Items:
        """Embed captions, or read what an earlier call embedded: an item per caption."""
        bert = None if self.bert is None else self.bert.fingerprint()
        cache = FeatureCache(folder, self._key(words=list(captions), bert=bert), len(captions))
        cache.fill(
            lambda items: self.captions([captions[index] for index in items]),
            description="Embedding captions",
        )
        return cache

    @torch.inference_mode()
    def captions(self, captions: Sequence[str]) -> list[Features]:
        """Embed captions; start, end and padding are no words."""
        features: list[Features] = []
        for start in range(0, len(captions), _BATCH):
            pooled, words = self._words(captions[start : start + _BATCH])
            parts = zip(pooled.float().cpu(), words, strict=True)
            features += [{"pooled": p[None], "words": rows} for p, rows in parts]
        return features

    def _words(self, captions: Sequence[str]) -> tuple[Tensor, list[Tensor]]:
        """Embed captions: (B, D) as a whole, and (n, Dl) by the words of each."""
        tokens = self.tower.tokenizer(captions).to(self.tower.device)
        if self.bert is not None:
            return self.tower.encode_text(tokens), self.bert(captions)
        pooled, words, mask = self.tower.encode_tokens(tokens)
        parts = zip(words.float().cpu(), mask.cpu(), strict=True)
        return pooled, [rows[own] for rows, own in parts]

    @torch.inference_mode()
    def _images(self, dataset: PairedDataset, items: range) -> list[Features]:
        features: list[Features] = []
        for start in range(0, len(items), _BATCH):
            group = items[start : start + _BATCH]
            pixels = torch.stack([self.tower.preprocess(dataset[index].image) for index in group])
            pooled, patches = self.tower.encode_patches(pixels.to(self.tower.device))
            parts = zip(pooled.float().cpu(), patches.float().cpu(), strict=True)
            features += [{"pooled": p[None], "patches": rows} for p, rows in parts]
        return features

    def _key(self, **parts: object) -> str:
        return content_key(tower=self.tower.fingerprint(), **parts)


class _Precomputed:
    def __init__(self, dataset: PrecomputedRegions) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Features:
        regions = self._dataset.regions(index)
        return {"pooled": regions.mean(0, keepdim=True), "regions": regions}


def local_rows(features: Features) -> Tensor:
    """Put all local features of an item together: (n, D)."""
    return torch.cat([rows for name, rows in features.items() if name != "pooled"])


def collate_local(pooled: Sequence[Tensor], local: Sequence[Tensor]) -> LocalGlobal:
    """Make a batch of global features (1, D) and local ones (n, D)."""
    rows, mask = pad_rows(local)
    return LocalGlobal(torch.cat(list(pooled)), rows, mask)

"""Images and captions as a frozen model's global and local features: what AAHR is trained on."""

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from alignops.data import PairedDataset, pad_rows
from alignops.methods.comalign.encoder import ComponentEncoder
from alignops.methods.common.boxes import BoxSource
from alignops.methods.common.embedding import in_batches, load_pixels
from alignops.methods.common.frozen import ComponentConfig, Features, FrozenEncoder, Items
from alignops.models import BertWords, DualEncoder, LocalGlobal

Regions = Literal["patches", "boxes"]


class LocalEncoder(FrozenEncoder):
    """Embeds images as a whole and by regions, captions as a whole and by words.

    "pooled" (1, D) is the whole; all other features are local, (n, Dl). Regions are the model's
    patches, or crops of the boxes that `ComponentEncoder` takes, of objects and of pairs of them. A
    dataset that has region features keeps them, with their mean as the whole.

    Args:
        model: stays frozen.
        folder: where features are kept.
        regions: of an image.
        boxes: where they come from; for "boxes".
        limits: how many; for "boxes".
        bert: whose tokens are a caption's words, instead of the model's own.
    """

    def __init__(
        self,
        model: DualEncoder,
        folder: Path,
        regions: Regions,
        boxes: BoxSource,
        limits: ComponentConfig,
        bert: BertWords | None = None,
    ) -> None:
        super().__init__(model, folder)
        self.components = ComponentEncoder(model, folder, boxes, limits)
        self.regions = regions
        self.bert = bert

    def cached_images(self, dataset: PairedDataset) -> Items:
        """Embed all images of a dataset, or take the region features it has.

        Raises:
            ValueError: it has some, and boxes were asked for.
        """
        if dataset.has_regions:
            if self.regions == "boxes":
                raise ValueError(
                    "regions is 'boxes'; expected 'patches', its default, as the data have region "
                    "features of their own"
                )
            return _OwnRegions(dataset)
        if self.regions == "boxes":
            return self.components.cached_images(dataset)
        return super().cached_images(dataset)

    def images(self, dataset: PairedDataset, items: range) -> list[Features]:
        """Embed some images of a dataset, as a whole and by patches."""

        def embed(group: Sequence[int]) -> list[Features]:
            pooled, patches = self.model.encode_patches(load_pixels(self.model, dataset, group))
            parts = zip(pooled.float().cpu(), patches.float().cpu(), strict=True)
            return [{"pooled": whole[None], "patches": rows} for whole, rows in parts]

        return list(chain.from_iterable(in_batches(embed, items)))

    def captions(self, captions: Sequence[str]) -> list[Features]:
        """Embed captions; start, end and padding are no words."""

        def embed(batch: Sequence[str]) -> list[Features]:
            pooled, words = self._words(batch)
            parts = zip(pooled.float().cpu(), words, strict=True)
            return [{"pooled": whole[None], "words": rows} for whole, rows in parts]

        return list(chain.from_iterable(in_batches(embed, captions)))

    def image_settings(self, dataset: PairedDataset) -> Mapping[str, object]:
        """Name the kind of regions."""
        return {"regions": "patches"}

    def caption_settings(self) -> Mapping[str, object]:
        """Name where the words come from."""
        return {"words": "own" if self.bert is None else self.bert.fingerprint()}

    def _words(self, captions: Sequence[str]) -> tuple[Tensor, list[Tensor]]:
        """Embed captions: (B, D) as a whole, and (n, Dl) by the words of each."""
        tokens = self.model.tokenizer(captions).to(self.model.device)
        if self.bert is not None:
            return self.model.encode_text(tokens), self.bert(captions)
        pooled, words, mask = self.model.encode_tokens(tokens)
        parts = zip(words.float().cpu(), mask.cpu(), strict=True)
        return pooled, [rows[own] for rows, own in parts]


class _OwnRegions:
    """The region features that a dataset has."""

    def __init__(self, dataset: PairedDataset) -> None:
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

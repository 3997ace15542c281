"""Images and captions in parts, embedded by a frozen model: what ComAlign is trained on."""

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alignops.data import PairedDataset, pad_rows
from alignops.losses import ComponentFeatures
from alignops.methods.common.boxes import BoxSource
from alignops.methods.common.captions import distinct_texts
from alignops.methods.common.embedding import embed_texts, in_batches
from alignops.methods.common.frozen import ComponentConfig, Features, FrozenEncoder, Items
from alignops.models import DualEncoder
from alignops.text import SceneGraph, parse_captions
from alignops.vision.boxes import crop_boxes, relation_boxes

# Images per pass: with ten entities and ten relations each, 336 crops.
_IMAGES = 16


class ComponentEncoder(FrozenEncoder):
    """Embeds images and captions in parts: "pooled" (1, D), "entities" (n, D), "relations" (m, D).

    An image's entities are its best boxes, its relations the boxes around pairs of them; a
    caption's are noun phrases, and (subject, predicate, object) phrases. ComAlign, section 3.

    Args:
        model: stays frozen.
        folder: where features are kept.
        boxes: where an image's boxes come from.
        limits: most parts of each kind.
    """

    def __init__(
        self, model: DualEncoder, folder: Path, boxes: BoxSource, limits: ComponentConfig
    ) -> None:
        super().__init__(model, folder)
        self.boxes = boxes
        self.limits = limits

    def cached_images(self, dataset: PairedDataset) -> Items:
        """Embed all images of a dataset; see `BoxSource.check` for detections that do not fit."""
        self.boxes.check(dataset)
        return super().cached_images(dataset)

    def images(self, dataset: PairedDataset, items: range) -> list[Features]:
        """Embed some images of a dataset."""

        def embed(group: Sequence[int]) -> list[Features]:
            pixels, counts = zip(*(self._parts(dataset, index) for index in group), strict=True)
            batch = torch.cat(pixels).to(self.model.device)
            rows = torch.split(self.model.encode_image(batch).float().cpu(), [*map(sum, counts)])
            return [_features(row, count) for row, count in zip(rows, counts, strict=True)]

        return list(chain.from_iterable(in_batches(embed, items, size=_IMAGES)))

    def captions(self, captions: Sequence[str]) -> list[Features]:
        """Embed captions; each distinct one is parsed once, each distinct phrase embedded once."""
        distinct, places = distinct_texts(captions)
        phrases = [self._phrases(graph) for graph in parse_captions(distinct)]
        parts = [
            [text, *entities, *relations]
            for text, (entities, relations) in zip(distinct, phrases, strict=True)
        ]
        rows = embed_texts(self.model, [phrase for part in parts for phrase in part])
        features = [
            _features(row, [1, *map(len, kinds)])
            for row, kinds in zip(torch.split(rows, [*map(len, parts)]), phrases, strict=True)
        ]
        return [features[place] for place in places]

    def image_settings(self, dataset: PairedDataset) -> Mapping[str, object]:
        """Name limits and boxes."""
        return {**self.caption_settings(), "boxes": self.boxes.identity(dataset)}

    def caption_settings(self) -> Mapping[str, object]:
        """Name the limits."""
        return {"limits": [self.limits.entities, self.limits.relations]}

    def _parts(self, dataset: PairedDataset, index: int) -> tuple[Tensor, list[int]]:
        """Preprocess an image and its boxes; also count whole, entities and relations."""
        item = dataset[index]
        entities = self.boxes.find(dataset, index, item).best(self.limits.entities)
        relations = relation_boxes(*entities, self.limits.relations)
        boxes = np.concatenate([entities.xyxy, relations.xyxy])
        crops = crop_boxes(item.image, boxes, self.model.input_shape[-1])
        whole = self.model.preprocess(item.image)[None]
        pixels = torch.cat([whole, self.model.preprocess_crops(crops)])
        return pixels, [1, len(entities.xyxy), len(relations.xyxy)]

    def _phrases(self, graph: SceneGraph) -> tuple[list[str], list[str]]:
        entities = [entity.phrase for entity in graph.entities]
        relations = [graph.relation_phrase(relation) for relation in graph.relations]
        return entities[: self.limits.entities], relations[: self.limits.relations]


def collate_components(items: Sequence[Features]) -> ComponentFeatures:
    """Make a batch of the features of images, or of captions."""
    entities, entity_mask = pad_rows([item["entities"] for item in items])
    relations, relation_mask = pad_rows([item["relations"] for item in items])
    pooled = torch.cat([item["pooled"] for item in items])
    return ComponentFeatures(pooled, entities, relations, entity_mask, relation_mask)


def _features(rows: Tensor, counts: list[int]) -> Features:
    return dict(zip(("pooled", "entities", "relations"), torch.split(rows, counts), strict=True))

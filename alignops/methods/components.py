"""Images and captions in parts, embedded by a frozen tower: what ComAlign is trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alignops.data import FeatureCache, PairedDataset, content_key, images_key, pad_rows
from alignops.losses import Components
from alignops.methods.data import BoxSource
from alignops.methods.embedding import embed_texts
from alignops.models import Tower
from alignops.text import SceneGraph, parse_captions
from alignops.vision.boxes import crop_boxes, relation_boxes

# Images per pass: with ten entities and ten relations each, 336 crops.
_IMAGES = 16

Features = Mapping[str, Tensor]
"""Of one image or caption: "pooled" (1, D), "entities" (n, D), "relations" (m, D)."""


@dataclass(frozen=True)
class ComponentConfig:
    """How many parts an image or a caption has at most; the paper takes ten of each.

    Attributes:
        entities: most entities.
        relations: most relations.
    """

    entities: int = 10
    relations: int = 10


class ComponentEncoder:
    """Embeds images and captions in parts with a frozen tower.

    An image's entities are its best boxes, its relations the boxes around pairs of them; a
    caption's are noun phrases, and (subject, predicate, object) phrases. ComAlign, section 3.

    Args:
        tower: stays frozen.
        boxes: where an image's boxes come from.
        limits: most parts of each kind.
    """

    def __init__(self, tower: Tower, boxes: BoxSource, limits: ComponentConfig) -> None:
        self.tower = tower.eval().requires_grad_(False)
        self.boxes = boxes
        self.limits = limits

    def cached_images(self, dataset: PairedDataset, folder: Path) -> FeatureCache:
        """Embed a dataset's images, or read what an earlier call embedded: an item per image."""
        key = self._key(images=images_key(dataset), boxes=self.boxes.identity)
        cache = FeatureCache(folder, key, len(dataset))
        cache.fill(lambda items: self.images(dataset, items), description="Embedding images")
        return cache

    def cached_captions(self, captions: Sequence[str], folder: Path) -> FeatureCache:
        """Embed captions, or read what an earlier call embedded: an item per caption."""
        cache = FeatureCache(folder, self._key(captions=list(captions)), len(captions))
        cache.fill(
            lambda items: self.captions([captions[index] for index in items]),
            description="Embedding captions",
        )
        return cache

    def images(self, dataset: PairedDataset, items: range) -> list[Features]:
        """Embed some images of a dataset."""
        groups = (items[start : start + _IMAGES] for start in range(0, len(items), _IMAGES))
        return [features for group in groups for features in self._images(dataset, group)]

    def captions(self, captions: Sequence[str]) -> list[Features]:
        """Embed captions; each distinct one is parsed once, each distinct phrase embedded once."""
        distinct = list(dict.fromkeys(captions))
        graphs = dict(zip(distinct, parse_captions(distinct), strict=True))
        phrases = {text: self._phrases(graph) for text, graph in graphs.items()}
        parts = [[text, *entities, *relations] for text, (entities, relations) in phrases.items()]
        rows = embed_texts(self.tower, [phrase for part in parts for phrase in part])
        features = {}
        for part, row in zip(parts, torch.split(rows, [len(part) for part in parts]), strict=True):
            counts = [1, *map(len, phrases[part[0]])]
            features[part[0]] = _features(row, counts)
        return [features[text] for text in captions]

    @torch.inference_mode()
    def _images(self, dataset: PairedDataset, items: range) -> list[Features]:
        pixels, counts = zip(*(self._parts(dataset, index) for index in items), strict=True)
        batch = torch.cat(pixels).to(self.tower.device)
        rows = torch.split(self.tower.encode_image(batch).float().cpu(), [*map(sum, counts)])
        return [_features(row, count) for row, count in zip(rows, counts, strict=True)]

    def _parts(self, dataset: PairedDataset, index: int) -> tuple[Tensor, list[int]]:
        """Preprocess an image and its boxes; also count whole, entities and relations."""
        item = dataset[index]
        entities = self.boxes.find(dataset, index, item).best(self.limits.entities)
        relations = relation_boxes(*entities, self.limits.relations)
        boxes = np.concatenate([entities.xyxy, relations.xyxy])
        crops = crop_boxes(item.image, boxes, self.tower.input_shape[-1])
        whole = self.tower.preprocess(item.image)[None]
        pixels = torch.cat([whole, self.tower.preprocess_crops(crops)])
        return pixels, [1, len(entities.xyxy), len(relations.xyxy)]

    def _phrases(self, graph: SceneGraph) -> tuple[list[str], list[str]]:
        entities = [entity.phrase for entity in graph.entities]
        relations = [graph.relation_phrase(relation) for relation in graph.relations]
        return entities[: self.limits.entities], relations[: self.limits.relations]

    def _key(self, **parts: object) -> str:
        limits = [self.limits.entities, self.limits.relations]
        return content_key(tower=self.tower.fingerprint(), limits=limits, **parts)


def collate_components(items: Sequence[Features]) -> Components:
    """Make a batch of the features of images, or of captions."""
    entities, entity_mask = pad_rows([item["entities"] for item in items])
    relations, relation_mask = pad_rows([item["relations"] for item in items])
    pooled = torch.cat([item["pooled"] for item in items])
    return Components(pooled, entities, relations, entity_mask, relation_mask)


def _features(rows: Tensor, counts: list[int]) -> Features:
    return dict(zip(("pooled", "entities", "relations"), torch.split(rows, counts), strict=True))

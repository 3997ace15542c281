"""The regions of a dataset's images on the patches of a model."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from alignops.data import PairedDataset
from alignops.methods.common.boxes import BoxSource
from alignops.models import DualEncoder
from alignops.vision.boxes import FloatArray
from alignops.vision.image_ids import require_coverage
from alignops.vision.masks import open_masks
from alignops.vision.regions import (
    cover_of_boxes,
    cover_of_masks,
    draw_regions,
    random_boxes,
    seen_square,
)

_UNIT_SQUARE = np.array([0, 0, 1, 1], dtype=np.float32)
# Images whose regions are kept in memory: 10 regions on 196 patches are 8 kB.
_IN_MEMORY = 16384

DrawRegions = Callable[[int, np.random.Generator], FloatArray]
"""Index of an image and a source of chance to the share (m, P) of each patch in each region."""


@dataclass(frozen=True)
class RegionConfig:
    """Where regions come from.

    Attributes:
        source: "random" boxes drawn anew each time (the paper's variant R), the "boxes" of the
            data, or "masks" (variant S).
        count: regions per image; of more boxes or masks as many are drawn.
        masks: for "masks": a file in the COCO result format, or a folder of PNGs.
    """

    source: Literal["random", "boxes", "masks"] = "random"
    count: int = 10
    masks: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        if self.count < 1:
            raise ValueError(f"regions.count is {self.count}; expected at least 1")
        if (self.source == "masks") != (self.masks is not None):
            raise ValueError(
                f"regions.masks is {self.masks}; expected a path where regions.source is 'masks', "
                f"and None elsewhere, but it is {self.source!r}"
            )


def open_regions(
    config: RegionConfig, detections: Path | None, dataset: PairedDataset, model: DualEncoder
) -> DrawRegions:
    """Open the regions of a dataset's images.

    Args:
        config: where they come from.
        detections: boxes of images whose dataset has none; see `BoxSource`.
        dataset: the images.
        model: on whose patches the regions lie.

    Raises:
        FileNotFoundError: the masks or the detections are missing.
        ValueError: they cannot be read or have no effect, or the model has no patches.
    """
    grid, count = model.patch_grid, config.count
    if detections is not None and config.source != "boxes":
        raise ValueError(
            f"data.detections is {detections}; expected None, as regions.source is {config.source}"
        )
    if config.source == "random":
        return lambda index, rng: cover_of_boxes(random_boxes(count, rng), _UNIT_SQUARE, grid)
    if config.masks is not None:
        find = _masks(config.masks, dataset, grid)
    else:
        find = _boxes(BoxSource(detections), dataset, grid)
    covers = lru_cache(_IN_MEMORY)(find)
    return lambda index, rng: draw_regions(covers(index), count, rng)


def _boxes(
    boxes: BoxSource, dataset: PairedDataset, grid: tuple[int, int]
) -> Callable[[int], FloatArray]:
    boxes.check(dataset)

    def cover(index: int) -> FloatArray:
        item = dataset[index]
        found = boxes.find(dataset, index, item).xyxy
        return cover_of_boxes(found, seen_square(*item.image.size), grid)

    return cover


def _masks(
    path: Path, dataset: PairedDataset, grid: tuple[int, int]
) -> Callable[[int], FloatArray]:
    masks = open_masks(path)
    require_coverage("regions.masks", "masks", masks.counts(), dataset.keys)

    def cover(index: int) -> FloatArray:
        found = masks[dataset.keys[index]]
        height, width = found.shape[1:]
        return cover_of_masks(found, seen_square(width, height), grid)

    return cover

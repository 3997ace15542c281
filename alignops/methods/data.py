"""What a method is trained on: pairs in three parts, and the boxes of their images."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

import numpy as np

from alignops.data import (
    ImageCaptions,
    PairedDataset,
    SceneDataset,
    Splits,
    content_key,
    is_precomputed,
    open_precomputed,
    split_flickr,
    split_scenes,
)
from alignops.data.scenes import Style, draw_close_ups
from alignops.vision.boxes import Boxes, grid_boxes, load_detections
from alignops.vision.image_ids import find_image


@dataclass(frozen=True)
class SceneConfig:
    """The synthetic scenes.

    Attributes:
        train: scenes to train on.
        close_ups: pictures of single objects to train on besides.
        validation: scenes to choose by.
        test: scenes to report on.
        objects: objects per scene, 2 to 4.
        size: side of the images in pixels, a multiple of 32.
        styles: captions of each training scene; validation and test have the natural one.
    """

    train: int = 8000
    close_ups: int = 0
    validation: int = 1000
    test: int = 1000
    objects: int = 2
    size: int = 64
    styles: tuple[Style, ...] = ("natural",)


@dataclass(frozen=True)
class DataConfig:
    """Pairs of images and captions.

    Attributes:
        source: "scenes", a folder in the Flickr8k or Flickr30k layout, or one of SCAN's region
            features.
        on_error: what to do about missing and broken images of a folder.
        detections: boxes of a folder's images in the COCO result format; None = a fixed grid.
        validation: share of a folder's images, where it has no lists of its own.
        test: likewise.
        seed: of the scenes, or of the shares.
        scenes: how many scenes.
    """

    source: str = "scenes"
    on_error: Literal["raise", "skip"] = "raise"
    detections: Path | None = None
    validation: float = 0.1
    test: float = 0.1
    seed: int = 0
    scenes: SceneConfig = field(default_factory=SceneConfig)


def open_pairs(config: DataConfig) -> Splits[PairedDataset]:
    """Open the three parts; they share no image, and scenes no caption's meaning.

    Raises:
        FileNotFoundError: the source or an image in it is missing.
        ValueError: the source cannot be read.
    """
    if config.source == "scenes":
        return _open_scenes(config)
    if not Path(config.source).is_dir():
        raise FileNotFoundError(
            f"data.source is {config.source!r}, expected 'scenes' or a folder that is there"
        )
    if is_precomputed(config.source):
        return cast("Splits[PairedDataset]", open_precomputed(config.source))
    splits = split_flickr(
        config.source,
        on_error=config.on_error,
        validation=config.validation,
        test=config.test,
        seed=config.seed,
    )
    return cast("Splits[PairedDataset]", splits)


def _open_scenes(config: DataConfig) -> Splits[PairedDataset]:
    counts = config.scenes
    parts = split_scenes(
        train=counts.train,
        validation=counts.validation,
        test=counts.test,
        objects=counts.objects,
        seed=config.seed,
    )
    train = parts.train + draw_close_ups(counts.close_ups, seed=config.seed)
    return Splits(
        SceneDataset(train, size=counts.size, styles=counts.styles, seed=config.seed),
        SceneDataset(parts.validation, size=counts.size),
        SceneDataset(parts.test, size=counts.size),
    )


@dataclass(frozen=True)
class BoxSource:
    """Where the boxes of an image come from.

    Attributes:
        identity: equal identities give equal boxes; part of the key of cached features.
        find: boxes of an item, given its dataset and its index.
    """

    identity: str
    find: Callable[[PairedDataset, int, ImageCaptions], Boxes]


def open_boxes(config: DataConfig) -> BoxSource:
    """Choose the boxes: a scene's true ones, a detector's, or the grid.

    Raises:
        FileNotFoundError: the detections are missing.
        ValueError: they are not in the COCO result format.
    """
    if config.source == "scenes":
        return BoxSource("true boxes of scenes", _scene_boxes)
    if config.detections is None:
        return BoxSource("grid", lambda dataset, index, item: grid_boxes(*item.image.size))
    found = load_detections(config.detections)
    nothing = Boxes(np.empty((0, 4), np.float32), np.empty(0, np.float32))

    def detected(dataset: PairedDataset, index: int, item: ImageCaptions) -> Boxes:
        return find_image(found, item.key) or nothing

    return BoxSource(content_key(detections=config.detections.read_text()), detected)


def _scene_boxes(dataset: PairedDataset, index: int, item: ImageCaptions) -> Boxes:
    boxes = cast("SceneDataset", dataset).boxes(index)
    return Boxes(boxes, np.ones(len(boxes), dtype=np.float32))

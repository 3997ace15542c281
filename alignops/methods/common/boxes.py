"""The boxes of a dataset's images."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from alignops.data import ImageCaptions, PairedDataset, content_key
from alignops.vision.boxes import Boxes, grid_boxes, load_detections
from alignops.vision.image_ids import find_image, require_coverage

_NOTHING = Boxes(np.empty((0, 4), np.float32), np.empty(0, np.float32))


class BoxSource:
    """An image's true boxes where its dataset has them, else a detector's, else a fixed grid.

    Args:
        detections: file in the COCO result format; None = the grid.

    Raises:
        FileNotFoundError: the detections are missing.
        ValueError: they are not in the COCO result format.
    """

    def __init__(self, detections: Path | None = None) -> None:
        self._identity = "grid"
        self._detected: Mapping[str, Boxes] | None = None
        if detections is not None:
            self._detected = load_detections(detections)
            self._identity = content_key(detections=detections.read_text(encoding="utf-8"))

    def identity(self, dataset: PairedDataset) -> str:
        """Equal identities give equal boxes: part of the key of cached features."""
        return "true boxes" if dataset.has_boxes else self._identity

    def check(self, dataset: PairedDataset) -> None:
        """Compare the images that the detections know with those of a dataset.

        Raises:
            ValueError: they know none.

        Warns:
            UserWarning: they know fewer than nine in ten.
        """
        if self._detected is not None and not dataset.has_boxes:
            counts = {name: len(boxes.xyxy) for name, boxes in self._detected.items()}
            require_coverage("data.detections", "boxes", counts, dataset.keys)

    def find(self, dataset: PairedDataset, index: int, item: ImageCaptions) -> Boxes:
        """Find the boxes of an item, given its dataset and its index."""
        if dataset.has_boxes:
            boxes = dataset.boxes(index)
            return Boxes(boxes, np.ones(len(boxes), dtype=np.float32))
        if self._detected is None:
            return grid_boxes(*item.image.size)
        return find_image(self._detected, item.key) or _NOTHING

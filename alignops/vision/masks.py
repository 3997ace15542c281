"""Segmentation masks from files: COCO run lengths, or one PNG of labels per image."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alignops.vision.image_file import read_labels
from alignops.vision.image_ids import find_image
from alignops.vision.run_lengths import covered_pixels

BoolArray = NDArray[np.bool_]


class Masks(Protocol):
    """The masks of a dataset's images."""

    def __getitem__(self, key: str) -> BoolArray:
        """Return the masks (n, height, width) of the image `key`; (0, 1, 1) if it has none."""

    def counts(self) -> Mapping[str, int | None]:
        """Count the masks of each image that has any; None if that means reading the image."""


def open_masks(path: Path) -> Masks:
    """Open the masks of a dataset's images.

    Args:
        path: a JSON file in the COCO result format, a list of {"image_id", "segmentation": {"size",
            "counts"}}, as saved from SAM's automatic masks; or a folder with one PNG of labels per
            image, of the image's name: 0 is no region, each other value is one.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: the file is not of this format, naming the path and the mask.
    """
    if path.is_dir():
        return _LabelImages(path)
    if path.is_file():
        return _RunLengths(path)
    raise FileNotFoundError(f"masks: neither a file nor a folder at {path}")


_NOTHING: BoolArray = np.zeros((0, 1, 1), dtype=np.bool_)


class _RunLengths:
    """COCO run lengths, decoded on access."""

    def __init__(self, path: Path) -> None:
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is not JSON: {error}") from error
        if not isinstance(entries, list):
            raise ValueError(f"{path} holds a {type(entries).__name__}; expected a list of masks")
        self._path = path
        self._encoded: dict[str, list[dict[str, Any]]] = {}
        for number, entry in enumerate(entries):
            image, mask = _run_length(entry, f"{path}, mask {number}")
            self._encoded.setdefault(image, []).append(mask)

    def __getitem__(self, key: str) -> BoolArray:
        from pycocotools import mask

        encoded = find_image(self._encoded, key)
        if encoded is None:
            return _NOTHING
        for one in encoded:
            self._require_whole(key, one, encoded[0]["size"])
        decoded: BoolArray = mask.decode(encoded).transpose(2, 0, 1).astype(np.bool_)
        return decoded

    def _require_whole(self, key: str, mask: dict[str, Any], size: list[int]) -> None:
        try:
            if mask["size"] != size:
                raise ValueError(f"it is one of {mask['size']}; the first is one of {size}")
            covered = covered_pixels(_as_bytes(mask["counts"]))
            if covered != size[0] * size[1]:
                raise ValueError(f"its runs cover {covered} pixels; expected {size[0] * size[1]}")
        except ValueError as error:
            raise ValueError(f"{self._path} has a damaged mask of {key}: {error}") from error

    def counts(self) -> Mapping[str, int | None]:
        return {image: len(masks) for image, masks in self._encoded.items()}


class _LabelImages:
    """A folder of PNGs, read on access."""

    def __init__(self, folder: Path) -> None:
        self._files = {file.stem: file for file in sorted(folder.glob("*.png"))}

    def __getitem__(self, key: str) -> BoolArray:
        file = find_image(self._files, key)
        if file is None:
            return _NOTHING
        labels = read_labels(file)
        values = np.unique(labels[labels != 0])
        masks: BoolArray = labels == values[:, None, None]
        return masks

    def counts(self) -> Mapping[str, int | None]:
        return dict.fromkeys(self._files)


def _run_length(entry: Any, where: str) -> tuple[str, dict[str, Any]]:
    """Check an entry, and compress its counts if they are a plain list."""
    from pycocotools import mask

    try:
        image, segmentation = entry["image_id"], entry["segmentation"]
        height, width = map(int, segmentation["size"])
        run_length = {"size": [height, width], "counts": segmentation["counts"]}
        if min(height, width) < 0 or height * width > 2 * (Image.MAX_IMAGE_PIXELS or math.inf):
            raise ValueError  # no readable image has that size
        if isinstance(run_length["counts"], list):
            run_length = mask.frPyObjects(run_length, height, width)
        _as_bytes(run_length["counts"])
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(
            f'{where} is {str(entry)[:200]}; expected "image_id" and "segmentation" with "size" '
            'and "counts"'
        ) from error
    return str(image), run_length


def _as_bytes(counts: str | bytes) -> bytes:
    return counts if isinstance(counts, bytes) else counts.encode("ascii")

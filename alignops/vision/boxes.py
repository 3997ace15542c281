"""Boxes from detections or a fixed grid, pairs of them as relations, and crops."""

import json
from math import isfinite
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FloatArray = NDArray[np.float32]


class Boxes(NamedTuple):
    """The boxes of one image.

    Attributes:
        xyxy: float32 (n, 4): x0, y0, x1, y1 in pixels.
        scores: float32 (n,): confidence of each, in [0, 1] as detectors give it.
    """

    xyxy: FloatArray
    scores: FloatArray

    def best(self, limit: int) -> "Boxes":
        """Keep the `limit` highest-scoring boxes, highest first; on a tie, the earlier ones."""
        order = np.argsort(-self.scores, kind="stable")[:limit]
        return Boxes(self.xyxy[order], self.scores[order])


def relation_boxes(boxes: FloatArray, scores: FloatArray, limit: int) -> Boxes:
    """Propose boxes of relations: the smallest box around each pair of objects.

    A pair scores the product of its objects' scores; the best pairs are kept (ComAlign, arXiv
    2409.08206).

    Args:
        boxes: (n, 4) xyxy in pixels.
        scores: (n,).
        limit: most boxes to return.

    Returns:
        At most `limit` of the n (n - 1) / 2 pairs, highest score first.

    Raises:
        ValueError: if a shape is wrong or `limit` is negative.
    """
    _check_boxes(boxes)
    if scores.shape != (len(boxes),):
        raise ValueError(f"scores has shape {scores.shape}; expected ({len(boxes)},)")
    if limit < 0:
        raise ValueError(f"limit is {limit}; expected a number >= 0")
    first, second = np.triu_indices(len(boxes), k=1)
    low = np.minimum(boxes[first, :2], boxes[second, :2])
    high = np.maximum(boxes[first, 2:], boxes[second, 2:])
    pairs = np.concatenate([low, high], axis=1).astype(np.float32, copy=False)
    products = (scores[first] * scores[second]).astype(np.float32, copy=False)
    return Boxes(pairs, products).best(limit)


def load_detections(path: str | Path) -> dict[str, Boxes]:
    """Read detections in the COCO result format.

    Args:
        path: JSON, a list of {"image_id", "bbox": [x, y, width, height], "score"}; other entries,
            such as "category_id", are ignored.

    Returns:
        Maps an image id, as text, to its boxes, highest score first. Images without detections are
        absent.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is not of this format, naming the path and the detection.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: no file of detections at {path}")
    try:
        detections = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(detections, list):
        kind = type(detections).__name__
        raise ValueError(f"{path} holds a {kind}; expected a list of detections")
    rows: dict[str, list[tuple[float, ...]]] = {}
    for number, detection in enumerate(detections):
        try:
            x, y, width, height = map(float, detection["bbox"])
            row = (x, y, x + width, y + height, float(detection["score"]))
            if not all(map(isfinite, row)):
                raise ValueError
            rows.setdefault(str(detection["image_id"]), []).append(row)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f'{path}, detection {number} is {str(detection)[:200]}; expected "image_id", '
                '"score" and "bbox" of four finite numbers'
            ) from error
    tables = {image: np.array(row, dtype=np.float32) for image, row in rows.items()}
    return {
        image: Boxes(table[:, :4], table[:, 4]).best(len(table)) for image, table in tables.items()
    }


def grid_boxes(width: int, height: int) -> Boxes:
    """Cover an image with overlapping boxes of two sizes, for use without a detector.

    The first box spans the central two thirds of each side; then come 3 x 3 boxes of half of each
    side, row by row. They do not depend on the image's contents. All have the score 1, so
    `relation_boxes` pairs the central box with each of the others first.

    Args:
        width: width of the image in pixels.
        height: height of the image in pixels.

    Returns:
        10 boxes, the most that ComAlign uses.

    Raises:
        ValueError: if a side is not positive.
    """
    if width <= 0 or height <= 0:
        raise ValueError(f"width x height is {width} x {height}; expected at least one pixel")
    middle = (1 / 6, 1 / 6, 5 / 6, 5 / 6)
    corners = [(x / 4, y / 4) for y in range(3) for x in range(3)]
    boxes = [middle, *((x, y, x + 1 / 2, y + 1 / 2) for x, y in corners)]
    sides = np.array([width, height, width, height], dtype=np.float32)
    return Boxes(np.array(boxes, dtype=np.float32) * sides, np.ones(len(boxes), dtype=np.float32))


def crop_boxes(image: Image.Image, boxes: FloatArray, size: int) -> NDArray[np.uint8]:
    """Crop boxes from an image and resize each to a square, without keeping the aspect ratio.

    Args:
        image: any mode; converted to RGB.
        boxes: (n, 4) xyxy in pixels, fractions allowed; clipped to the image.
        size: side of the crops in pixels.

    Returns:
        uint8 RGB (n, size, size, 3), bicubic.

    Raises:
        ValueError: if a box has no area inside the image, or a shape or `size` is wrong.
    """
    _check_boxes(boxes)
    if size <= 0:
        raise ValueError(f"size is {size}; expected a number of pixels > 0")
    limits = np.array([image.width, image.height] * 2, dtype=np.float32)
    inside = np.clip(boxes, 0, limits)
    empty = (inside[:, :2] >= inside[:, 2:]).any(axis=1)
    if empty.any():
        raise ValueError(
            f"boxes has {boxes[empty][0].tolist()}; expected an area inside the image of "
            f"{image.width} x {image.height} pixels"
        )
    rgb = image.convert("RGB")
    crops = np.empty((len(boxes), size, size, 3), dtype=np.uint8)
    for crop, box in zip(crops, inside.tolist(), strict=True):
        crop[:] = np.asarray(rgb.resize((size, size), Image.Resampling.BICUBIC, box=tuple(box)))
    return crops


def _check_boxes(boxes: FloatArray) -> None:
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes has shape {boxes.shape}; expected (n, 4)")

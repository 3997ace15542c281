"""Regions of an image, from random boxes, boxes or masks, mapped to the model's patches."""

import numpy as np
from numpy.typing import NDArray

from alignops.vision.boxes import FloatArray


def random_boxes(count: int, rng: np.random.Generator) -> FloatArray:
    """Draw boxes with uniform centres and sizes, clipped at the border (PowerCLIP's variant R).

    Args:
        count: number of boxes.
        rng: source of randomness.

    Returns:
        (count, 4) xyxy in the unit square; each box has a positive area.
    """
    centres, halves = rng.random((count, 2)), (1 - rng.random((count, 2))) / 2
    boxes = np.concatenate([centres - halves, centres + halves], axis=1)
    inside: FloatArray = np.clip(boxes, 0, 1).astype(np.float32)
    return inside


def seen_square(width: int, height: int) -> FloatArray:
    """Return the centre square, the part of an image that an image tower sees.

    Args:
        width: width of the image in pixels.
        height: height of the image in pixels.

    Returns:
        (4,) xyxy in pixels, fractions possible.
    """
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return np.array([left, top, left + side, top + side], dtype=np.float32)


def cover_of_boxes(boxes: FloatArray, seen: FloatArray, grid: tuple[int, int]) -> FloatArray:
    """Compute how much of each patch each box covers.

    Args:
        boxes: (n, 4) xyxy; clipped to `seen`.
        seen: (4,) xyxy, the part of the image under the grid, in the same units.
        grid: rows and columns of patches.

    Returns:
        (n, P): share of each patch's area inside the box; patches in row-major order.

    Raises:
        ValueError: a shape is wrong.
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes has shape {boxes.shape}; expected (n, 4)")
    rows = _shares(boxes[:, 1], boxes[:, 3], seen[1], seen[3], grid[0])
    columns = _shares(boxes[:, 0], boxes[:, 2], seen[0], seen[2], grid[1])
    return (rows[:, :, None] * columns[:, None, :]).reshape(len(boxes), grid[0] * grid[1])


def cover_of_masks(masks: NDArray[np.bool_], seen: FloatArray, grid: tuple[int, int]) -> FloatArray:
    """Compute how much of each patch each segmentation mask covers.

    Args:
        masks: (n, height, width) bool, one per region, in pixels of the image.
        seen: (4,) xyxy in pixels, the part of the image under the grid.
        grid: rows and columns of patches.

    Returns:
        (n, P): share of each patch's area inside the mask; patches in row-major order.

    Raises:
        ValueError: a shape is wrong.
    """
    if masks.ndim != 3:
        raise ValueError(f"masks has shape {masks.shape}; expected (n, height, width)")
    y, x = (np.arange(side, dtype=np.float32) for side in masks.shape[1:])
    rows = _shares(y, y + 1, seen[1], seen[3], grid[0])
    columns = _shares(x, x + 1, seen[0], seen[2], grid[1])
    cover: FloatArray = rows.T @ masks.astype(np.float32) @ columns
    return cover.reshape(len(masks), grid[0] * grid[1])


def draw_regions(cover: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Draw at most `count` of the regions that the image tower sees, in their order.

    Args:
        cover: (n, P) from `cover_of_boxes` or `cover_of_masks`.
        count: largest number of regions.
        rng: source of randomness.

    Returns:
        (m, P), m <= count; each region covers part of at least one patch.
    """
    visible = np.flatnonzero(cover.any(axis=1))
    if len(visible) > count:
        visible = np.sort(rng.choice(visible, count, replace=False))
    return cover[visible]


def _shares(
    starts: FloatArray, ends: FloatArray, low: float, high: float, cells: int
) -> FloatArray:
    """Compute the share of each cell between `low` and `high` that each interval covers."""
    edges = np.linspace(low, high, cells + 1, dtype=np.float32)
    overlap = np.minimum(ends[:, None], edges[1:]) - np.maximum(starts[:, None], edges[:-1])
    shares: FloatArray = np.maximum(overlap, 0) * np.float32(cells / (high - low))
    return shares

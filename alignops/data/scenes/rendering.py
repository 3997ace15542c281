"""Scene to pixels."""

from functools import cache
from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from alignops.data.scenes.description import CANVAS, Scene
from alignops.data.scenes.vocabulary import COLOURS

_BACKGROUND = np.array((32, 32, 32), dtype=np.uint8)
_SUPERSAMPLING = 4


def render(scene: Scene, size: int = CANVAS) -> NDArray[np.uint8]:
    """Draw a scene.

    Args:
        scene: what to draw.
        size: side of the image in pixels, a multiple of 32; boxes scale by size / 32.

    Returns:
        uint8 RGB (size, size, 3). Edges are smooth: shapes are drawn at four times the size.

    Raises:
        ValueError: if `size` is not a positive multiple of 32.
    """
    if size <= 0 or size % CANVAS:
        raise ValueError(f"size is {size}; expected a positive multiple of {CANVAS} pixels")
    scale = size // CANVAS
    image = np.full((size, size, 3), _BACKGROUND)
    for object_ in scene.objects:
        x0, y0, x1, y1 = (scale * value for value in object_.box)
        image[y0:y1, x0:x1] = _tile(object_.shape, object_.colour, x1 - x0)
    return image


@cache
def _tile(shape: str, colour: str, side: int) -> NDArray[np.uint8]:
    """Draw a shape that fills its box, background and all: boxes never overlap, so tiles paste."""
    large = Image.new("L", (side * _SUPERSAMPLING, side * _SUPERSAMPLING))
    _draw(ImageDraw.Draw(large), shape, large.width - 1)
    cover = np.asarray(large.reduce(_SUPERSAMPLING), dtype=np.float32)[..., None] / 255
    colour_ = np.array(COLOURS[colour])
    tile: NDArray[np.uint8] = np.rint(_BACKGROUND * (1 - cover) + colour_ * cover).astype(np.uint8)
    return tile


def _draw(draw: ImageDraw.ImageDraw, shape: str, side: int) -> None:
    if shape in ("circle", "ring"):
        draw.ellipse((0, 0, side, side), fill=255)
    if shape == "ring":
        draw.ellipse((0.3 * side, 0.3 * side, 0.7 * side, 0.7 * side), fill=0)
    if shape == "cross":
        draw.rectangle((side / 3, 0, 2 * side / 3, side), fill=255)
        draw.rectangle((0, side / 3, side, 2 * side / 3), fill=255)
    if shape in _OUTLINES:
        draw.polygon([(x * side, y * side) for x, y in _OUTLINES[shape]], fill=255)


def _fill_box(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Stretch an outline so that it touches all four sides of the unit square."""
    left, top = (min(values) for values in zip(*points, strict=True))
    right, bottom = (max(values) for values in zip(*points, strict=True))
    return [((x - left) / (right - left), (y - top) / (bottom - top)) for x, y in points]


def _star() -> list[tuple[float, float]]:
    """Trace five points, every other corner pulled in."""
    radii = [1.0 if corner % 2 == 0 else 0.45 for corner in range(10)]
    return [(r * sin(pi * i / 5), -r * cos(pi * i / 5)) for i, r in enumerate(radii)]


def _heart() -> list[tuple[float, float]]:
    """Trace the classic heart curve."""
    angles = [2 * pi * step / 48 for step in range(48)]
    return [
        (16 * sin(t) ** 3, 5 * cos(2 * t) + 2 * cos(3 * t) + cos(4 * t) - 13 * cos(t))
        for t in angles
    ]


_OUTLINES = {
    "square": [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)],
    "triangle": [(0.5, 0.0), (1.0, 1.0), (0.0, 1.0)],
    "diamond": [(0.5, 0.0), (1.0, 0.5), (0.5, 1.0), (0.0, 0.5)],
    "star": _fill_box(_star()),
    "heart": _fill_box(_heart()),
}
"""Outlines in the unit square, y pointing down."""

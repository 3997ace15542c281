"""Reading of image files, for all methods alike: upright, on white, 8-bit RGB."""

from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

READING = "upright, on white, 8 bits a channel, 16 bits rounded"
"""Version of `read_image`; part of the key of everything computed from images."""

_ORIENTATION = 0x0112
# Operation that turns an image upright, by EXIF orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(path: Path) -> Image.Image:
    """Read an image of any format and mode as RGB.

    Applies the EXIF orientation, puts transparent images on white, rounds 16-bit channels to 8, and
    takes the first of several frames.

    Raises:
        ValueError: the file is missing or broken, too large for Pillow's limit, or holds numbers
            without a known white (32 bits, or floating point); names the path.
    """
    try:
        with Image.open(path) as image:
            _require_known_white(image)
            return _on_white(_to_8_bits(_upright(image)))
    except Exception as error:  # Pillow raises a dozen kinds for broken files
        raise ValueError(f"{path} cannot be read as an image: {error}") from error


def find_fault(path: Path) -> str | None:
    """Say why `read_image` cannot read a file; None if it can.

    A JPEG is decoded at an eighth of its size, which reads the whole file at half the cost.
    """
    if not path.is_file():
        return "missing"
    try:
        with Image.open(path) as image:
            _require_known_white(image)
            image.draft("RGB", (1, 1))
            image.load()
    except Exception as error:  # as above
        return str(error)
    return None


def read_labels(path: Path) -> NDArray[np.generic]:
    """Read an image of labels: (height, width), integer or bool, upright as in `read_image`.

    The labels of a palette image are its indices, whatever their colours.

    Raises:
        ValueError: the file is missing or broken, or has several channels.
    """
    try:
        with Image.open(path) as image:
            mode = image.mode
            labels = np.asarray(_upright(image))
    except Exception as error:  # as above
        raise ValueError(f"{path} cannot be read as an image: {error}") from error
    if labels.ndim != 2 or mode == "F":
        raise ValueError(f"{path} is an image of mode {mode}; expected one label per pixel")
    return labels


def _upright(image: Image.Image) -> Image.Image:
    image.load()  # here Pillow turns a TIFF itself, and drops its orientation
    orientation = None
    with suppress(Exception):  # broken EXIF data are common and do not affect the pixels
        orientation = image.getexif().get(_ORIENTATION)
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _require_known_white(image: Image.Image) -> None:
    if image.mode == "F" or (image.mode == "I" and image.format != "PNG"):
        kind = "floating-point" if image.mode == "F" else "32-bit"
        raise ValueError(f"its pixels are {kind} numbers; expected 8 or 16 bits a channel")


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Round 16-bit grey, which Pillow would clip at 255; Pillow converts 16-bit colours itself."""
    if not image.mode.startswith("I"):
        return image
    grey = np.asarray(image).astype(np.int64)
    return Image.fromarray(((grey + 128) // 257).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image)
    return white.convert("RGB")

"""An image file as every method sees it: upright, on white, 8 bits of red, green and blue."""

from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

READING = "upright, on white, 8 bits a channel, 16 bits rounded"
"""What `read_image` does; part of the key of whatever is computed from images."""

_ORIENTATION = 0x0112
# What turns an image upright, by the EXIF orientation it has.
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
    """Read an image, whatever its file holds, as RGB.

    It is turned as its EXIF orientation says, laid on white where it is transparent, and has its 16
    bits a channel rounded to 8. Of several frames it is the first.

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
    """Say why `read_image` could not read a file, or None.

    A JPEG is decoded at an eighth of its size: that reads the whole file at half the cost.
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
    """Read an image of labels: (height, width), integer or bool, turned as `read_image` does.

    A palette's labels are its indices, whatever their colours.

    Raises:
        ValueError: the file is missing or broken, or has more than one number per pixel.
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
    image.load()  # Pillow turns a TIFF by itself here, and forgets its orientation
    orientation = None
    with suppress(Exception):  # broken EXIF data are common, and no fault of the picture
        orientation = image.getexif().get(_ORIENTATION)
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _require_known_white(image: Image.Image) -> None:
    if image.mode == "F" or (image.mode == "I" and image.format != "PNG"):
        kind = "floating-point" if image.mode == "F" else "32-bit"
        raise ValueError(f"its pixels are {kind} numbers; expected 8 or 16 bits a channel")


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Round 16 bits of grey, which Pillow would cut off at 255; colours it reduces by itself."""
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

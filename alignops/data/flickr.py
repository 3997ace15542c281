"""Flickr8k and Flickr30k in the layouts in which they are passed around.

Captions are in one of

- `captions.txt` or `results.csv`: a header `image,caption`, then a line per caption;
- `results.csv` of Flickr30k: a header `image_name| comment_number| comment`;
- `Flickr8k.token.txt` or `results_20130124.token`: lines of `image.jpg#0<TAB>caption`, no header.
"""

import csv
import re
from collections.abc import Callable
from pathlib import Path

from alignops.data.image_files import CaptionedImages, OnError
from alignops.data.splits import Splits, split_keys

_CAPTION_FILES = ("captions.txt", "results.csv", "Flickr8k.token.txt", "results_20130124.token")
_IMAGE_FOLDERS = (
    *("images", "Images", "Flicker8k_Dataset", "Flickr8k_Dataset"),
    *("flickr30k_images", "flickr30k-images"),
)
_SPLIT_FILES = tuple(f"Flickr_8k.{part}Images.txt" for part in ("train", "dev", "test"))


def open_flickr(folder: str | Path, *, on_error: OnError = "raise") -> CaptionedImages:
    """Open a Flickr8k or Flickr30k folder.

    Args:
        folder: holds a file of captions, and the images in a folder of a usual name (`images`,
            `Flicker8k_Dataset`, `flickr30k_images`, ...) or beside the captions. For any other
            arrangement use `CaptionedImages(images, read_captions(file))`.
        on_error: what to do about missing and broken images; see `CaptionedImages`.

    Raises:
        FileNotFoundError: if there is no file of captions, or an image is missing.
        ValueError: if a line of the captions cannot be read.
    """
    folder = Path(folder)
    captions = _first_existing(folder, _CAPTION_FILES)
    if captions is None:
        raise FileNotFoundError(f"folder: {folder} holds none of {', '.join(_CAPTION_FILES)}")
    images = _first_existing(folder, _IMAGE_FOLDERS) or folder
    return CaptionedImages(images, read_captions(captions), on_error=on_error)


def split_flickr(
    folder: str | Path,
    *,
    on_error: OnError = "raise",
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
) -> Splits[CaptionedImages]:
    """Open a Flickr folder in three parts that share no image.

    Where `folder` holds the lists that Flickr8k ships (`Flickr_8k.trainImages.txt`, `.dev`,
    `.test`) they decide, images in none of them are left out, and `validation`, `test` and `seed`
    have no effect. Otherwise the images are divided at random.

    Args:
        folder: see `open_flickr`.
        on_error: what to do about missing and broken images; see `CaptionedImages`.
        validation: share of the images for validation.
        test: share of the images for testing.
        seed: of the random division.

    Raises:
        FileNotFoundError: as `open_flickr`, or if only some of the three lists are there.
        ValueError: as `open_flickr` and `split_keys`.
    """
    dataset = open_flickr(folder, on_error=on_error)
    parts = _read_split_files(Path(folder))
    if parts is None:
        skipped = [path.relative_to(dataset.folder).as_posix() for path, _ in dataset.skipped]
        names = [*dataset.keys, *skipped]
        parts = split_keys(names, validation=validation, test=test, seed=seed)
    return Splits(
        dataset.subset(parts.train), dataset.subset(parts.validation), dataset.subset(parts.test)
    )


def read_captions(path: str | Path) -> dict[str, list[str]]:
    """Read a file of captions in any of the three layouts; the first line tells which.

    Args:
        path: UTF-8 text.

    Returns:
        File name of each image to its captions, both in the order of the file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a line does not fit the layout, naming the path and the line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: no file of captions at {path}")
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error}") from error
    split_line, header_lines = _layout(path, lines)
    captions: dict[str, list[str]] = {}
    for number, line in enumerate(lines[header_lines:], start=header_lines + 1):
        if not line.strip():
            continue
        image, caption = split_line(line)
        if not image or not caption:
            raise ValueError(
                f"{path}, line {number}: expected an image and a caption, got {line!r}"
            )
        captions.setdefault(image, []).append(caption)
    return captions


def _layout(path: Path, lines: list[str]) -> tuple[Callable[[str], tuple[str, str]], int]:
    """Choose the reader of a line, and the number of header lines, by the first line."""
    first = lines[0]
    if first.replace(" ", "").lower() == "image,caption":
        return _split_comma, 1
    if first.replace(" ", "").lower() == "image_name|comment_number|comment":
        return _split_pipe, 1
    if re.match(r"[^\t]+#\d+\t", first):
        return _split_token, 0
    raise ValueError(
        f"{path}, line 1: expected a header 'image,caption' or 'image_name| comment_number| "
        f"comment', or a line 'image.jpg#0<TAB>caption', got {first!r}"
    )


def _split_comma(line: str) -> tuple[str, str]:
    """Read one line at a time, so that a stray quote cannot swallow the lines after it."""
    image, *caption = next(csv.reader([line]))
    return image.strip(), ",".join(caption).strip()


def _split_pipe(line: str) -> tuple[str, str]:
    """Read the number and its pipe as one: in a line of the published file that pipe is missing."""
    image, _, rest = line.partition("|")
    return image.strip(), re.sub(r"^\s*\d+\s*\|?", "", rest).strip()


def _split_token(line: str) -> tuple[str, str]:
    name, _, caption = line.partition("\t")
    return name.rpartition("#")[0].strip(), caption.strip()


def _first_existing(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).exists()), None)


def _read_split_files(folder: Path) -> Splits[list[str]] | None:
    paths = [folder / name for name in _SPLIT_FILES]
    missing = [path for path in paths if not path.is_file()]
    if len(missing) == len(paths):
        return None
    if missing:
        raise FileNotFoundError(f"{missing[0]} is missing beside the other lists of the split")
    return Splits(*(path.read_text(encoding="utf-8").split() for path in paths))

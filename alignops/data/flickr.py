"""Flickr8k and Flickr30k in their three published layouts."""

from pathlib import Path

from alignops.data.caption_files import read_captions
from alignops.data.image_files import CaptionedImages, OnError
from alignops.data.splits import Splits, split_keys
from alignops.data.text_file import read_text

_CAPTION_FILES = (
    *("captions.txt", "captions.csv", "captions.tsv"),
    *("results.csv", "Flickr8k.token.txt", "results_20130124.token"),
)
_IMAGE_FOLDERS = (
    *("images", "Images", "Flicker8k_Dataset", "Flickr8k_Dataset"),
    *("flickr30k_images", "flickr30k-images"),
)
_SPLIT_FILES = tuple(f"Flickr_8k.{part}Images.txt" for part in ("train", "dev", "test"))


def open_flickr(
    folder: str | Path, *, on_error: OnError = "raise", allow_outside: bool = False
) -> CaptionedImages:
    """Open a Flickr8k or Flickr30k folder.

    Args:
        folder: holds a file of captions, and the images in a folder of a usual name (`images`,
            `Flicker8k_Dataset`, `flickr30k_images`, ...) or beside the captions. For any other
            arrangement use `CaptionedImages(images, read_captions(file))`.
        on_error: what to do about missing and broken images; see `CaptionedImages`.
        allow_outside: open images outside the folder too; see `CaptionedImages`.

    Raises:
        FileNotFoundError: if there is no file of captions, or an image is missing.
        ValueError: if a line of the captions cannot be read, or names an image outside.
    """
    folder = Path(folder)
    captions = _first_existing(folder, _CAPTION_FILES)
    if captions is None:
        raise FileNotFoundError(f"folder: {folder} holds none of {', '.join(_CAPTION_FILES)}")
    images = _first_existing(folder, _IMAGE_FOLDERS) or folder
    return CaptionedImages(
        images, read_captions(captions), on_error=on_error, allow_outside=allow_outside
    )


def has_split_lists(folder: str | Path) -> bool:
    """Whether a folder holds lists of its own that divide its images, or some of them."""
    return any((Path(folder) / name).is_file() for name in _SPLIT_FILES)


def split_flickr(
    folder: str | Path,
    *,
    on_error: OnError = "raise",
    allow_outside: bool = False,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
) -> Splits[CaptionedImages]:
    """Open a Flickr folder in three parts that share no image.

    Where `folder` holds the lists that Flickr8k ships (`Flickr_8k.trainImages.txt`, `.dev`,
    `.test`) they decide, images in none of them are left out, and `validation`, `test` and `seed`
    have no effect. Otherwise the images are divided at random, copies of a photo together;
    `summarise` says how many there are.

    Args:
        folder: see `open_flickr`.
        on_error: what to do about missing and broken images; see `CaptionedImages`.
        allow_outside: likewise.
        validation: share of the images for validation.
        test: share of the images for testing.
        seed: of the random division.

    Raises:
        FileNotFoundError: as `open_flickr`, or if only some of the three lists are there.
        ValueError: as `open_flickr` and `split_keys`.
    """
    dataset = open_flickr(folder, on_error=on_error, allow_outside=allow_outside)
    parts = _read_split_files(Path(folder)) if has_split_lists(folder) else None
    if parts is None:
        skipped = [path.relative_to(dataset.folder).as_posix() for path, _ in dataset.skipped]
        names = [*dataset.keys, *skipped]
        copies = dict(zip(dataset.keys, dataset.fingerprints(), strict=True))
        parts = split_keys(names, validation=validation, test=test, seed=seed, groups=copies)
    return Splits(
        dataset.subset(parts.train), dataset.subset(parts.validation), dataset.subset(parts.test)
    )


def _first_existing(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).exists()), None)


def _read_split_files(folder: Path) -> Splits[list[str]]:
    paths = [folder / name for name in _SPLIT_FILES]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"{missing[0]} is missing beside the other lists of the split")
    return Splits(*(read_text(path).split() for path in paths))

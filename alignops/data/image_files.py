"""A paired dataset of image files, and its handling of missing and broken files."""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from os.path import normpath
from pathlib import Path, PurePath
from typing import Literal, get_args

from alignops.data.content_index import ContentIndex
from alignops.data.pairs import ImageCaptions, PairedDataset
from alignops.progress import track
from alignops.vision.image_file import find_fault, read_image

OnError = Literal["raise", "skip"]


class CaptionedImages(PairedDataset):
    """Map-style dataset of image files with captions; a file is opened on access.

    Attributes:
        folder: the folder of the images.
        keys: path of each image relative to `folder`.
        captions: captions of each image.
        skipped: (path, reason) of each image that was left out; empty with `on_error="raise"`.
    """

    def __init__(
        self,
        folder: str | Path,
        captions: Mapping[str, Sequence[str]],
        *,
        on_error: OnError = "raise",
        allow_outside: bool = False,
    ) -> None:
        """Look for the images.

        Args:
            folder: the folder of the images.
            captions: path of an image relative to `folder`, to its captions.
            on_error: "raise" checks only that the files exist, which is cheap; a broken one raises
                when it is opened. "skip" decodes every image once, on all cores, and leaves out
                those that cannot be read.
            allow_outside: follow absolute paths and `..` out of `folder`; only for captions that
                you wrote yourself.

        Raises:
            FileNotFoundError: if `folder` is missing, or an image is and `on_error` is "raise".
            ValueError: if `on_error` is neither, an image lies outside, or not one can be read.
        """
        if on_error not in get_args(OnError):
            raise ValueError(f"on_error is {on_error!r}; expected one of {get_args(OnError)}")
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise FileNotFoundError(f"folder: no folder of images at {self.folder}")
        keys = list(captions)
        if not allow_outside:
            _require_inside(self.folder, keys)
        if on_error == "raise":
            _require_files([self.folder / key for key in keys])
            reasons: list[str | None] = [None] * len(keys)
        else:
            reasons = _find_faults([self.folder / key for key in keys])
        self.keys = [key for key, reason in zip(keys, reasons, strict=True) if reason is None]
        self.captions = [tuple(captions[key]) for key in self.keys]
        self.skipped = [
            (self.folder / key, reason)
            for key, reason in zip(keys, reasons, strict=True)
            if reason is not None
        ]
        if keys and not self.keys:
            path, reason = self.skipped[0]
            raise ValueError(f"folder: none of {len(keys)} images can be read; {path}: {reason}")

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.keys)

    def __getitem__(self, index: int) -> ImageCaptions:
        """Open the image `index`; `alignops.vision.image_file.read_image` says how.

        Raises:
            ValueError: if the file is missing or broken, naming its path.
        """
        path = self.folder / self.keys[index]
        try:
            image = read_image(path)
        except ValueError as error:
            raise ValueError(
                f'{error}. Replace it, or leave out such images with on_error="skip".'
            ) from error
        return ImageCaptions(image, self.captions[index], self.keys[index])

    def fingerprints(self) -> list[str]:
        """Hash the contents of each image's file; see `PairedDataset`.

        Raises:
            OSError: a file is missing.
        """
        return ContentIndex().digests([self.folder / key for key in self.keys])

    def subset(self, keys: Collection[str]) -> "CaptionedImages":
        """Keep only the given keys, in this dataset's order.

        A key that was skipped stays skipped; keys this dataset never had are no error.
        """
        chosen = set(keys)
        indices = [index for index, key in enumerate(self.keys) if key in chosen]
        part = copy(self)
        part.keys = [self.keys[index] for index in indices]
        part.captions = [self.captions[index] for index in indices]
        names = {self.folder / key for key in chosen}
        part.skipped = [(path, reason) for path, reason in self.skipped if path in names]
        return part


def _require_inside(folder: Path, keys: Sequence[str]) -> None:
    """Look at the names alone: links are made by whoever made the folder, not by its captions."""
    for key in keys:
        normal = PurePath(normpath(key))
        if normal.is_absolute() or normal.parts[:1] == ("..",):
            raise ValueError(
                f"image {key!r} of the captions is a path outside {folder}; expected one inside. "
                "Captions of your own may lead there with allow_outside=True"
            )


def _require_files(paths: list[Path]) -> None:
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of {len(paths)} images are missing, the first is {missing[0]}. "
            'Leave out such images with on_error="skip".'
        )


def _find_faults(paths: list[Path]) -> list[str | None]:
    """Decode every image; PIL does so outside the interpreter lock, so threads suffice."""
    with ThreadPoolExecutor() as threads:
        faults = threads.map(find_fault, paths)
        return list(track(faults, "Checking images", len(paths)))

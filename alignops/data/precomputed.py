"""Region features that a detector computed beforehand, in the files that SCAN published.

- `{split}_ims.npy`: floating point (rows, regions, size), mapped into memory; a row per image, or
  an image's row once for each of its captions;
- `{split}_caps.txt`: a caption per line, those of a row together;
- `{split}_ids.txt`: the id of the image, a line per row or per caption.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alignops.data.pairs import ImageCaptions, PairedDataset
from alignops.data.splits import Splits
from alignops.data.text_file import read_text


class PrecomputedRegions(PairedDataset):
    """Captions with the region features of their images, without the images.

    Args:
        folder: holds the three files.
        split: their prefix.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: the files do not fit together.
    """

    has_images = False
    has_regions = True

    def __init__(self, folder: str | Path, split: str) -> None:
        self._path = _existing(Path(folder) / f"{split}_ims.npy")
        self._regions: Any = None
        rows, *_ = self.shape
        captions = _lines(Path(folder) / f"{split}_caps.txt")
        ids = _lines(Path(folder) / f"{split}_ids.txt")
        for name, count in (("rows", rows), ("ids", len(ids))):
            if not count or len(captions) % count:
                raise ValueError(
                    f"{self._path} and the files beside it do not fit: {len(captions)} captions "
                    f"are not a whole multiple of {count} {name}"
                )
        grouped: dict[str, list[str]] = {}
        first_row: dict[str, int] = {}
        for index, caption in enumerate(captions):
            key = ids[index * len(ids) // len(captions)]
            grouped.setdefault(key, []).append(caption)
            first_row.setdefault(key, index * rows // len(captions))
        self.keys = list(grouped)
        self.captions = [tuple(texts) for texts in grouped.values()]
        self._rows = list(first_row.values())

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, regions per row, and size of a region's features."""
        shape = self._mapped().shape
        if len(shape) != 3:
            raise ValueError(f"{self._path} has shape {shape}; expected (rows, regions, size)")
        return shape[0], shape[1], shape[2]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.keys)

    def __getitem__(self, index: int) -> ImageCaptions:
        """Refuse: there are no images.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"{self._path} holds region features, not images; only aahr takes them")

    def regions(self, index: int) -> Tensor:
        """Read the regions of an image: float32 (regions, size)."""
        return torch.from_numpy(np.array(self._mapped()[self._rows[index]], dtype=np.float32))

    def __getstate__(self) -> dict[str, Any]:
        """Drop the open file when pickled, so DataLoader workers open their own."""
        return self.__dict__ | {"_regions": None}

    def _mapped(self) -> Any:
        if self._regions is None:
            try:
                self._regions = np.lib.format.open_memmap(self._path, mode="r")
            except (ValueError, OSError, EOFError) as error:
                raise ValueError(f"{self._path} cannot be read as an array: {error}") from error
        return self._regions


def is_precomputed(folder: str | Path) -> bool:
    """Say whether a folder is in this layout."""
    return (Path(folder) / "train_ims.npy").is_file()


def open_precomputed(folder: str | Path) -> Splits[PrecomputedRegions]:
    """Open `train`, `dev` and `test`; COCO's `testall`, all 5,000 images, comes before `test`.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: the files of a split do not fit together.
    """
    test = "testall" if (Path(folder) / "testall_ims.npy").is_file() else "test"
    return Splits(*(PrecomputedRegions(folder, split) for split in ("train", "dev", test)))


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    return path


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in read_text(_existing(path)).splitlines()]

"""Match the image ids of detection and mask files."""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Entry = TypeVar("Entry")

# Images without a single box are rare; if many have none, the ids are of another dataset.
_USUAL_SHARE = 0.9
_EXAMPLES = 3


def find_image(entries: Mapping[str, Entry], key: str) -> Entry | None:
    """Find an image's entry by its file name, its stem, or its number.

    A number is a stem of digits, or the end of a COCO file name (`COCO_val2014_000000000042`),
    without leading zeros.
    """
    name = _name_in(entries, key)
    return None if name is None else entries[name]


@dataclass(frozen=True)
class Coverage:
    """Number of images of a dataset that have boxes or masks.

    Attributes:
        what: "boxes" or "masks".
        counts: number of boxes or masks of each image that has any; None = not counted.
        images: number of images in the dataset.
    """

    what: str
    counts: tuple[int | None, ...]
    images: int

    def __str__(self) -> str:
        """Put it in words."""
        text = f"{len(self.counts)} of {self.images} images have {self.what}"
        counted = [count for count in self.counts if count is not None]
        if not counted:
            return text
        mean = sum(counted) / len(counted)
        return f"{text}, {min(counted)} to {max(counted)} each, {mean:.1f} on average"


def require_coverage(
    argument: str, what: str, counts: Mapping[str, int | None], keys: Sequence[str]
) -> Coverage:
    """Count the images of a dataset that have boxes or masks in a file.

    Args:
        argument: the caller's name for the file.
        what: "boxes" or "masks".
        counts: maps the file's image ids to numbers of boxes or masks; None = some, not counted.
        keys: keys of the dataset's images.

    Raises:
        ValueError: no image is in the file; gives examples of both kinds of name.

    Warns:
        UserWarning: fewer than nine in ten images are in the file.
    """
    names = {key: _name_in(counts, key) for key in keys}
    found = {
        key: counts[name] for key, name in names.items() if name is not None and counts[name] != 0
    }
    coverage = Coverage(what, tuple(found.values()), len(keys))
    if len(found) >= _USUAL_SHARE * len(keys):
        return coverage
    without = _some([key for key in keys if key not in found])
    named = f"its names are {_some(list(counts))}; the images without {what} are {without}"
    if found:
        warnings.warn(f"{argument}: {coverage}; {named}", stacklevel=3)
        return coverage
    raise ValueError(
        f"{argument} is a file of {what} of none of {len(keys)} images: {named}; expected names "
        "that are a file name, its stem, or its number"
    )


def _name_in(entries: Mapping[str, object], key: str) -> str | None:
    path = Path(key)
    number = re.fullmatch(r"(?:COCO_\w+_)?0*(\d+)", path.stem)
    names = (key, path.name, path.stem, number[1] if number else path.stem)
    return next((name for name in names if name in entries), None)


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:_EXAMPLES])) or "none at all"

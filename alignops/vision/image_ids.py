"""How files of detections and masks call an image."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

Entry = TypeVar("Entry")


def find_image(entries: Mapping[str, Entry], key: str) -> Entry | None:
    """Find an image's entry by its file name, its stem, or its number without leading zeros."""
    stem = Path(key).stem
    names = (key, stem, stem.lstrip("0"))
    return next((entries[name] for name in names if name in entries), None)

"""Where what can be computed again is kept."""

import os
from pathlib import Path


def cache_folder(name: str) -> Path:
    """Name the folder of one cache; it is not made.

    Args:
        name: what is in it.

    Returns:
        `name` in $ALIGNOPS_CACHE if that is set, else in `alignops` in $XDG_CACHE_HOME or ~/.cache.
    """
    chosen = os.environ.get("ALIGNOPS_CACHE")
    if chosen:
        return Path(chosen) / name
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "alignops" / name

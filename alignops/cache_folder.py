"""Where this library keeps on disk what is costly to compute again."""

import os
from pathlib import Path


def cache_folder(name: str) -> Path:
    """Name the folder of one kind of results, in the user's cache; it may not exist yet.

    Args:
        name: of the kind, such as "parses".

    Returns:
        The folder of that name in `ALIGNOPS_CACHE`, or where this is not set in `alignops` in
        `XDG_CACHE_HOME`, or in `~/.cache/alignops`.
    """
    if own := os.environ.get("ALIGNOPS_CACHE"):
        return Path(own).expanduser() / name
    common = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not common.is_absolute():  # to be ignored, says the XDG Base Directory Specification
        common = Path.home() / ".cache"
    return common / "alignops" / name

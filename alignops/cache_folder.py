"""The folder on disk for results that are expensive to recompute."""

import os
from pathlib import Path


def cache_folder(name: str) -> Path:
    """Return the folder for one kind of results in the user's cache; it may not exist yet.

    Args:
        name: the kind, such as "parses".

    Returns:
        The folder of that name in `$ALIGNOPS_CACHE`; if unset, in `$XDG_CACHE_HOME/alignops`; if
        that is unset too, in `~/.cache/alignops`.
    """
    if own := os.environ.get("ALIGNOPS_CACHE"):
        return Path(own).expanduser() / name
    common = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not common.is_absolute():  # the XDG Base Directory Specification ignores it
        common = Path.home() / ".cache"
    return common / "alignops" / name

"""What files hold, as SHA-256; a file that has not changed is not read again."""

import sqlite3
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from alignops.cache_folder import cache_folder
from alignops.checksums import file_digests
from alignops.progress import track

Result = TypeVar("Result")

_TABLE = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, bytes INTEGER, modified INTEGER, changed INTEGER, sha256 TEXT
) WITHOUT ROWID
"""
# A file that was written a moment ago may be written again within the same tick of its clock.
_SETTLED_NS = 2_000_000_000
_SECONDS_TO_WAIT = 30.0

_Stamp = tuple[int, int, int]
"""A file's size in bytes, and when its contents and its entry last changed, in nanoseconds."""


class ContentIndex:
    """Digests of files, kept with the size and the times that each file had.

    What is kept is a convenience: an index that cannot be read or written is a warning, and the
    files are read.

    Args:
        path: of the index, an SQLite file; by default one for all datasets, in the cache folder.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = cache_folder("content") / "index.sqlite" if path is None else path

    def digests(self, paths: Sequence[Path]) -> list[str]:
        """Give the SHA-256 of each file, 64 hexadecimal digits, from the index where it is there.

        Raises:
            OSError: a file is missing or cannot be read.

        Warns:
            UserWarning: the index itself cannot be used.
        """
        names = [str(path.absolute()) for path in paths]
        stamps = {name: _stamp(path) for name, path in zip(names, paths, strict=True)}
        known: dict[str, str] = self._use(lambda index: _look_up(index, stamps), {})
        unknown = [name for name in stamps if name not in known]
        read = track(file_digests(map(Path, unknown)), "Hashing images", len(unknown))
        found = dict(zip(unknown, read, strict=True))
        if found:
            self._use(lambda index: _keep(index, stamps, found), None)
        return [known[name] if name in known else found[name] for name in names]

    def _use(self, work: Callable[[sqlite3.Connection], Result], otherwise: Result) -> Result:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            opened = closing(sqlite3.connect(self.path, timeout=_SECONDS_TO_WAIT))
            with opened as index, index:  # the second: one transaction
                index.execute(_TABLE)
                return work(index)
        except (sqlite3.Error, OSError) as error:
            warnings.warn(
                f"{self.path} cannot be used ({error}), so every file is read; delete it",
                stacklevel=3,
            )
            return otherwise


def _look_up(index: sqlite3.Connection, stamps: Mapping[str, _Stamp]) -> dict[str, str]:
    known = {}
    for name, stamp in stamps.items():
        row = index.execute("SELECT * FROM files WHERE path = ?", (name,)).fetchone()
        if row and row[1:4] == stamp:
            known[name] = str(row[4])
    return known


def _keep(
    index: sqlite3.Connection, stamps: Mapping[str, _Stamp], digests: Mapping[str, str]
) -> None:
    latest = time.time_ns() - _SETTLED_NS
    settled = (name for name in digests if max(stamps[name][1:]) < latest)
    rows = ((name, *stamps[name], digests[name]) for name in settled)
    index.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", rows)


def _stamp(path: Path) -> _Stamp:
    status = path.stat()
    # The last of them cannot be set back, as `cp -p` and archives do with the one before it.
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns

"""Parses on disk, so that no caption is parsed twice.

A cache is a folder with one SQLite file per parser, which holds a table per structure. Each batch
is one transaction, so processes may share the folder on a local file system and be killed at any
time. A cache that fails costs time, never a result: a damaged file is deleted, a damaged row is
parsed again, a file that cannot be opened is left alone. Each of these warns.
"""

import json
import sqlite3
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from typing import Generic, TypeVar
from zlib import crc32

from alignops.text.rules.identity import parser_key
from alignops.text.structures import FORMAT, Structure

T = TypeVar("T")
Result = TypeVar("Result")
Row = tuple[bytes, int, bytes]
"""Key of a caption, checksum of what follows, structure as JSON."""

# Another process holds the file for milliseconds, or longer on a busy disk.
_SECONDS_TO_WAIT = 60.0
# SQLite before 3.32 takes at most 999.
_KEYS_PER_QUERY = 900


class ParseCache(Generic[T]):
    """Parses into one structure by the installed parser.

    Attributes:
        path: the file.
    """

    def __init__(self, folder: Path, structure: Structure[T]) -> None:
        """Describe the cache; reads and writes nothing.

        Args:
            folder: created on first use.
            structure: the structure to store.

        Raises:
            ImportError: no English spaCy model is installed.
        """
        self.path = folder / f"{parser_key()}.{FORMAT}.sqlite"
        self._structure = structure
        self._is_usable = True

    def read(self, captions: Iterable[str]) -> dict[str, T]:
        """Look captions up; the result lacks those that are not cached.

        Warns:
            UserWarning: the file or a part of it cannot be used.
        """
        wanted = {_key(caption): caption for caption in captions}
        rows = self._with_file(lambda file: list(self._select(file, list(wanted)))) or []
        sound = [(key, content) for key, checksum, content in rows if checksum == crc32(content)]
        if broken := len(rows) - len(sound):
            _warn(f"{self.path} holds {broken} damaged parses; these captions are parsed again")
        return {wanted[key]: self._structure.decode(json.loads(text)) for key, text in sound}

    def write(self, parses: Mapping[str, T]) -> None:
        """Store the parses of a batch of captions, all or none.

        Warns:
            UserWarning: the file cannot be used.
        """
        rows = [self._row(caption, structure) for caption, structure in parses.items()]
        self._with_file(lambda file: self._insert(file, rows))

    def _row(self, caption: str, structure: T) -> Row:
        encoded = self._structure.encode(structure)
        content = json.dumps(encoded, separators=(",", ":")).encode()
        return _key(caption), crc32(content), content

    def _select(self, file: sqlite3.Connection, keys: Sequence[bytes]) -> Iterator[Row]:
        for start in range(0, len(keys), _KEYS_PER_QUERY):
            some = keys[start : start + _KEYS_PER_QUERY]
            places = ",".join("?" * len(some))
            query = f"SELECT key, checksum, content FROM {self._structure.name} WHERE key IN"
            yield from file.execute(f"{query} ({places})", some)

    def _insert(self, file: sqlite3.Connection, rows: Sequence[Row]) -> None:
        with file:
            query = f"INSERT OR REPLACE INTO {self._structure.name} VALUES (?, ?, ?)"
            file.executemany(query, rows)

    def _with_file(self, act: Callable[[sqlite3.Connection], Result]) -> Result | None:
        """Open the file and call `act` on it; None if that fails."""
        if not self._is_usable:
            return None
        try:
            with closing(self._open()) as file:
                return act(file)
        except (OSError, sqlite3.OperationalError) as error:
            self._is_usable = False
            _warn(f"{self.path} cannot be used ({error}); captions are parsed without a cache")
        except sqlite3.DatabaseError as error:
            self._delete()
            _warn(f"{self.path} is damaged ({error}); it was deleted and is built anew")
        return None

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = sqlite3.connect(self.path, timeout=_SECONDS_TO_WAIT)
        columns = "key BLOB PRIMARY KEY, checksum INTEGER, content BLOB"
        try:
            file.execute(f"CREATE TABLE IF NOT EXISTS {self._structure.name} ({columns})")
        except sqlite3.Error:
            file.close()
            raise
        return file

    def _delete(self) -> None:
        journal = self.path.with_name(f"{self.path.name}-journal")
        for path in (journal, self.path):  # a journal must never meet another file
            with suppress(OSError):
                path.unlink()


def _key(caption: str) -> bytes:
    return sha256(caption.encode()).digest()[:16]


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=2)

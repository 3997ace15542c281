"""Files and folders that appear whole or not at all: written beside their place, then renamed.

The contents reach the disk before the name does, so neither a killed process nor a power cut leaves
half a file under its final name.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write; the file becomes `path` if nothing raises.

    Processes may write the same file at the same time: the last one to finish wins.

    Args:
        path: the file, which may exist, in a folder that must.

    Yields:
        A path in the same folder. The file gets the mode of any new file (0666 less the umask),
        whatever the writing library sets.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.touch()
    mode = temporary.stat().st_mode
    try:
        yield temporary
        temporary.chmod(mode)
        _flush(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; it becomes `path` if nothing raises.

    One process at a time may write the folder. What a killed one left behind is removed first.

    Args:
        path: the folder. An existing one is replaced; missing parents are created.

    Yields:
        A folder beside `path`.
    """
    temporary, replaced = (path.with_name(f".{path.name}.{end}") for end in ("tmp", "old"))
    for leftover in (temporary, replaced):
        shutil.rmtree(leftover, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _flush(file)
        if path.exists():
            path.rename(replaced)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    with replacing_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())

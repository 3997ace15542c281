"""SHA-256 checksums of a folder's files, kept in the folder."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

MANIFEST = "manifest.json"

_BLOCK = 1 << 20


class DamagedError(ValueError):
    """A file's contents are not those that were written."""


def file_digest(path: Path) -> str:
    """Hash a file's bytes: SHA-256, 64 hexadecimal digits."""
    digest = sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def file_digests(paths: Iterable[Path]) -> Iterable[str]:
    """Hash files on all cores; yields digests in the files' order."""
    with ThreadPoolExecutor() as threads:  # hashing releases the interpreter lock
        yield from threads.map(file_digest, paths)


def write_manifest(folder: Path) -> None:
    """Record the size and digest of every file of a folder in its `manifest.json`.

    Write it last: any later change counts as damage.
    """
    files = _files(folder)
    recorded = {
        name: {"bytes": path.stat().st_size, "sha256": digest}
        for (name, path), digest in zip(files.items(), file_digests(files.values()), strict=True)
    }
    (folder / MANIFEST).write_text(json.dumps(recorded, indent=1) + "\n")


def verify_manifest(folder: Path) -> None:
    """Compare a folder's files with its `manifest.json`; ignores files that it does not name.

    Raises:
        DamagedError: a file or the manifest is missing or has changed; names it.
    """
    recorded = _read_manifest(folder / MANIFEST)
    files = _files(folder)
    for name, (size, _) in recorded.items():
        if name not in files:
            raise DamagedError(f"{folder / name} is missing; {MANIFEST} beside it lists it")
        found = files[name].stat().st_size
        if found != size:
            raise DamagedError(f"{files[name]} is damaged: it has {found} bytes; expected {size}")
    digests = file_digests(files[name] for name in recorded)
    for (name, (_, digest)), found_digest in zip(recorded.items(), digests, strict=True):
        if found_digest != digest:
            raise DamagedError(f"{files[name]} is damaged: its SHA-256 is not that of {MANIFEST}")


def _files(folder: Path) -> dict[str, Path]:
    """List a folder's files by name, in a fixed order."""
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))}
    return {name: path for name, path in files.items() if path.is_file() and name != MANIFEST}


def _read_manifest(path: Path) -> dict[str, tuple[int, str]]:
    if not path.is_file():
        raise DamagedError(f"{path} is missing; nothing says what the files beside it should hold")
    try:
        recorded = json.loads(path.read_text())
        return {name: (int(one["bytes"]), str(one["sha256"])) for name, one in recorded.items()}
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise DamagedError(f"{path} is damaged: it is no list of checksums") from error

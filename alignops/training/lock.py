"""One process at a time in a run folder."""

import fcntl
import json
import os
import socket
import warnings
import weakref
from pathlib import Path
from typing import IO

_NAME = ".lock"


class RunLock:
    """Held while a process writes in a run folder; a context manager.

    The kernel holds it and lets go when the process ends, however it ends. The file stays; it says
    who holds the lock, and means nothing by itself.

    Args:
        folder: of the run; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: IO[str] | None = None

    def __enter__(self) -> "RunLock":
        """Take the lock.

        Raises:
            BlockingIOError: another process has it; names the process.

        Warns:
            UserWarning: the file system has no locks.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        file = (self.folder / _NAME).open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(file)
            file.close()
            raise BlockingIOError(
                f"{self.folder} is in use by {holder}; wait for it, end it, or choose another "
                "folder"
            ) from None
        except OSError as error:  # some network file systems have no locks
            warnings.warn(
                f"{self.folder} cannot be locked: {error}; keep other processes out of it",
                stacklevel=2,
            )
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        file.flush()
        self._file = file
        _held.add(self)
        return self

    def __exit__(self, *raised: object) -> None:
        """Let go."""
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None

    def _forget(self) -> None:
        """Close the file without letting go: the lock is the parent's."""
        if self._file is not None:
            self._file.close()
            self._file = None


_held: "weakref.WeakSet[RunLock]" = weakref.WeakSet()


def _forget_all() -> None:
    for lock in list(_held):
        lock._forget()


# A DataLoader's workers would keep the lock of a killed parent.
os.register_at_fork(after_in_child=_forget_all)


def _holder(file: IO[str]) -> str:
    file.seek(0)
    try:
        held = json.loads(file.read())
        return f"process {held['pid']} on {held['host']}"
    except (KeyError, TypeError, ValueError):  # it has the lock and has not written yet
        return "another process"

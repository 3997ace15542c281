"""A disk that is full, in words."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, None}  # None: of a library that gives no number


@contextmanager
def explaining_full_disk(path: Path) -> Iterator[None]:
    """Say what cannot be written, and that the same command goes on once there is space.

    Raises:
        OSError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        # Others, such as a file that is missing, are of classes of their own.
        if type(error) is not OSError or error.errno not in _FULL:
            raise
        # What a library of ours has said of the file within is said once.
        reason = error.strerror or str(error).rpartition("cannot be written: ")[2]
        raise OSError(
            f"{path} cannot be written: {reason}. Free some space; the same command then goes on"
        ) from error

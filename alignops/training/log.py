"""The log of a training: JSON lines, TensorBoard, and the progress shown."""

import json
import math
import os
import threading
from pathlib import Path

from alignops.atomic_files import replacing_file
from alignops.progress import open_progress
from alignops.training.disk import explaining_full_disk


class Log:
    """Writes a training's figures where people look for them; a context manager.

    Lines after step `start` are removed from a log that is there: they belong to steps that a
    killed run made after its last checkpoint, and that are now made again.
    """

    def __init__(self, path: Path, title: str, start: int, steps: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._path = path
        with explaining_full_disk(path):
            _truncate(path, start)
            self._file = path.open("ab", buffering=0)
            self._board = SummaryWriter(path.parent / "tensorboard", purge_step=start + 1)
        self._progress = open_progress(title, steps, start)
        self._report_thread = threading.excepthook

    def __enter__(self) -> "Log":
        """Show the progress."""
        # TensorBoard's thread ends with a traceback on a full disk, and the next write says why.
        threading.excepthook = self._report_other_threads
        self._progress.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        """Close the files."""
        self._progress.__exit__(*raised)
        self._file.close()
        try:
            with explaining_full_disk(self._path):
                self._board.close()
        except OSError:
            if raised[1] is None:
                raise
        finally:
            threading.excepthook = self._report_thread

    def advance(self) -> None:
        """Move the progress by a step."""
        self._progress.advance()

    def write(self, step: int, figures: dict[str, float]) -> None:
        """Record figures after `step` steps.

        Raises:
            OSError: the disk is full; no part of a line remains.
        """
        with explaining_full_disk(self._path):
            self._append(json.dumps({"step": step, **figures}).encode() + b"\n")
            for name, value in figures.items():
                self._board.add_scalar(name, value, step)
        self._progress.show(f"loss {figures['loss']:.3f}")

    def _append(self, line: bytes) -> None:
        end = self._file.seek(0, os.SEEK_END)
        try:
            while line:  # a disk that is nearly full takes a part of it
                line = line[self._file.write(line) :]
        except OSError:
            self._file.truncate(end)
            raise

    def _report_other_threads(self, failure: threading.ExceptHookArgs) -> None:
        if not issubclass(failure.exc_type, OSError):
            self._report_thread(failure)


def _truncate(path: Path, start: int) -> None:
    if not path.is_file():
        return
    lines = path.read_text(errors="replace").split("\n")
    kept = [line for line in lines if _step_of(line) <= start]
    with replacing_file(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in kept))


def _step_of(line: str) -> float:
    """Find the step of a line; one that a killed run wrote in part belongs to no step."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, TypeError, KeyError):
        return math.inf

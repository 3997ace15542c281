"""The log of a training: JSON lines, TensorBoard, and the progress shown."""

import json
import math
from pathlib import Path
from types import TracebackType

from alignops.atomic_files import replacing_file
from alignops.progress import open_progress


class Log:
    """Writes a training's figures where people look for them; a context manager.

    Lines after step `start` are removed from a log that is there: they belong to steps that a
    killed run made after its last checkpoint, and that are now made again.
    """

    def __init__(self, path: Path, title: str, start: int, steps: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        _truncate(path, start)
        self._file = path.open("a", buffering=1)
        self._board = SummaryWriter(path.parent / "tensorboard", purge_step=start + 1)
        self._progress = open_progress(title, steps, start)

    def __enter__(self) -> "Log":
        """Show the progress."""
        self._progress.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the files."""
        self._progress.__exit__(kind, error, traceback)
        self._file.close()
        self._board.close()

    def advance(self) -> None:
        """Move the progress by a step."""
        self._progress.advance()

    def write(self, step: int, figures: dict[str, float]) -> None:
        """Record figures after `step` steps."""
        self._file.write(json.dumps({"step": step, **figures}) + "\n")
        for name, value in figures.items():
            self._board.add_scalar(name, value, step)
        self._progress.show(f"loss {figures['loss']:.3f}")


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

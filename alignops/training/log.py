"""The log of a training: JSON lines, TensorBoard, and the progress bar."""

import json
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


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
        self._progress = Progress(
            TextColumn(title),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task("", total=steps, completed=start, figures="")

    def __enter__(self) -> "Log":
        """Show the progress bar."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the files."""
        self._progress.stop()
        self._file.close()
        self._board.close()

    def advance(self) -> None:
        """Move the progress bar by a step."""
        self._progress.advance(self._task)

    def write(self, step: int, figures: dict[str, float]) -> None:
        """Record figures after `step` steps."""
        self._file.write(json.dumps({"step": step, **figures}) + "\n")
        for name, value in figures.items():
            self._board.add_scalar(name, value, step)
        self._progress.update(self._task, figures=f"loss {figures['loss']:.3f}")


def _truncate(path: Path, start: int) -> None:
    if not path.is_file():
        return
    # A line that a killed run wrote in part is no JSON; it is the last one.
    whole = [line for line in path.read_text().splitlines() if line.endswith("}")]
    kept = [line for line in whole if json.loads(line)["step"] <= start]
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text("".join(f"{line}\n" for line in kept))
    temporary.replace(path)

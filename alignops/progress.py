"""Progress of long work: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich import progress as rich
from rich.console import Console

Item = TypeVar("Item")

_SECONDS_BETWEEN_LINES = 30.0
# Shorter work prints no line.
_SECONDS_TO_FIRST_LINE = 1.0


class Bar:
    """A progress bar; a context manager. `Lines` has the same methods."""

    def __init__(self, console: Console, title: str, total: int, done: int, *, stays: bool) -> None:
        self._progress = rich.Progress(
            rich.TextColumn("{task.description}"),
            rich.BarColumn(),
            rich.MofNCompleteColumn(),
            rich.TimeRemainingColumn(),
            rich.TextColumn("{task.fields[figures]}"),
            console=console,
            transient=not stays,
        )
        self._task = self._progress.add_task(title, total=total, completed=done, figures="")

    def __enter__(self) -> "Bar":
        """Show the bar."""
        self._progress.start()
        return self

    def __exit__(self, *raised: object) -> None:
        """Leave the bar as it is, or take it away."""
        self._progress.stop()

    def advance(self) -> None:
        """Count one more."""
        self._progress.advance(self._task)

    def show(self, figures: str) -> None:
        """Show figures beside the bar from now on."""
        self._progress.update(self._task, figures=figures)


class Lines:
    """A line of text every half minute, and one at the end; a context manager."""

    def __init__(self, console: Console, title: str, total: int, done: int) -> None:
        self._console = console
        self._title, self._total = title, total
        self._start = self._done = done
        self._figures = ""
        self._begun = time.monotonic()
        self._next = self._begun + _SECONDS_TO_FIRST_LINE

    def __enter__(self) -> "Lines":
        """Start the clock."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Leave the lines as they are."""

    def advance(self) -> None:
        """Count one more; print a line if one is due or the work is done."""
        self._done += 1
        now = time.monotonic()
        ended = self._done == self._total and now - self._begun >= _SECONDS_TO_FIRST_LINE
        if now < self._next and not ended:
            return
        self._next = now + _SECONDS_BETWEEN_LINES
        seconds = (now - self._begun) / (self._done - self._start) * (self._total - self._done)
        left = f"{seconds:.0f} s left" if seconds < 120 else f"{seconds / 60:.0f} min left"
        parts = [f"{self._title}: {self._done} of {self._total}", left, self._figures]
        line = ", ".join(part for part in parts if part)
        self._console.print(line, soft_wrap=True, markup=False, highlight=False)

    def show(self, figures: str) -> None:
        """Show figures in the lines from now on."""
        self._figures = figures


def open_progress(
    title: str, total: int, done: int = 0, *, stays: bool = True, console: Console | None = None
) -> Bar | Lines:
    """Choose how to show progress.

    Args:
        title: name of the work.
        total: number of units of work.
        done: number of units already done.
        stays: leave the bar on the screen at the end.
        console: output; standard error by default.
    """
    console = console or Console(stderr=True)
    if console.is_terminal:
        return Bar(console, title, total, done, stays=stays)
    return Lines(console, title, total, done)


def track(items: Iterable[Item], title: str, total: int) -> Iterator[Item]:
    """Yield the items, showing how many of `total` are done."""
    with open_progress(title, total, stays=False) as shown:
        for item in items:
            yield item
            shown.advance()

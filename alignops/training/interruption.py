"""Ctrl-C between steps rather than within one."""

import signal
from types import FrameType, TracebackType


class Interrupted(KeyboardInterrupt):
    """The training was interrupted and left a checkpoint to resume from."""


class InterruptGuard:
    """Remembers SIGINT and SIGTERM while it is entered, so that the loop can finish its step.

    A second signal is obeyed at once.

    Attributes:
        asked: whether a signal has come.
    """

    _SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> "InterruptGuard":
        """Take over the signals."""
        self._before = [signal.signal(number, self._remember) for number in self._SIGNALS]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the signals back."""
        for number, handler in zip(self._SIGNALS, self._before, strict=True):
            signal.signal(number, handler)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

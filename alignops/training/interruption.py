"""Ctrl-C that takes effect between steps."""

import signal
import threading
from types import FrameType
from typing import Any


class Interrupted(KeyboardInterrupt):
    """The training was interrupted and left a checkpoint to resume from."""


class InterruptGuard:
    """Defers SIGINT and SIGTERM inside the `with` block until the step is finished.

    A second signal takes effect at once. Outside the main thread, which alone receives signals, it
    does nothing.

    Attributes:
        asked: whether a signal has arrived.
    """

    _SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "InterruptGuard":
        """Take over the signals."""
        if threading.current_thread() is threading.main_thread():
            for number in self._SIGNALS:
                self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, *raised: object) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            # None: one that C set, which Python cannot set again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

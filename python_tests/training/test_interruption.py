import signal
import threading

import pytest

from alignops.training.interruption import InterruptGuard


def test_a_second_signal_is_obeyed_at_once():
    with InterruptGuard() as guard:
        signal.raise_signal(signal.SIGTERM)
        assert guard.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_thread_can_train_without_signals():
    failed = []

    def enter():
        try:
            with InterruptGuard() as guard:
                assert not guard.asked
        except ValueError as error:
            failed.append(error)

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert failed == []
    assert signal.getsignal(signal.SIGINT) is before

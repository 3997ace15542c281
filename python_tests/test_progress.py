import io

import pytest
from rich.console import Console

from alignops import progress
from alignops.progress import open_progress, track


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_redirected_output_gets_a_line_now_and_then(clock):
    written = io.StringIO()
    with open_progress("clip", 100, 20, console=Console(file=written)) as shown:
        for _ in range(80):
            clock[0] += 2.0
            shown.show("loss 0.5")
            shown.advance()
    lines = written.getvalue().splitlines()
    assert lines[0] == "clip: 21 of 100, 3 min left, loss 0.5"
    assert lines[1] == "clip: 36 of 100, 2 min left, loss 0.5"
    assert lines[-1] == "clip: 100 of 100, 0 s left, loss 0.5"
    assert len(lines) == 7


def test_work_of_less_than_a_second_gets_no_line(clock):
    written = io.StringIO()
    with open_progress("clip", 5, console=Console(file=written)) as shown:
        for _ in range(5):
            shown.advance()
    assert written.getvalue() == ""


def test_a_terminal_gets_a_bar():
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=80)
    with open_progress("clip", 2, console=console) as shown:
        shown.show("loss 0.5")
        shown.advance()
        shown.advance()
    assert "2/2" in written.getvalue()
    assert "loss 0.5" in written.getvalue()


def test_tracked_items_pass_unchanged():
    assert list(track(iter("abc"), "letters", 3)) == list("abc")

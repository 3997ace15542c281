"""Runs Python in a fresh process that imports what this one does."""

import os
import subprocess
import sys
import time
from pathlib import Path


def run_python(*arguments, **environment):
    """The finished process of `python <arguments>`, with its output as text."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**child_environment(), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def start_python(*arguments):
    """A running process of `python <arguments>`.

    It leads a process group of its own, as one that is started from a terminal does.
    """
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, env=child_environment(), start_new_session=True)


def start_and_wait_for(script, folder, step, *arguments):
    """Start a script that trains into a folder, and wait until its log has reached a step."""
    folder.mkdir()
    process = start_python(script, folder, *arguments)
    log = folder / "log.jsonl"
    deadline = time.monotonic() + 120
    while not log.exists() or f'"step": {step},' not in log.read_text():
        assert process.poll() is None, "the training ended early"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def child_environment():
    path = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)
    return {**os.environ, "PYTHONPATH": path}

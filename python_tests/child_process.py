"""Runs Python in a fresh process with this one's import path."""

import os
import subprocess
import sys
import time
from pathlib import Path


def run_python(*arguments, **environment):
    """Run `python <arguments>` to its end; returns the process with its output as text."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**child_environment(), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def start_python(*arguments):
    """Start `python <arguments>` without waiting.

    The process leads its own process group, as if started from a terminal.
    """
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, env=child_environment(), start_new_session=True)


def start_and_wait_for(script, folder, step, *arguments):
    """Start a script that trains into a folder, and wait until its log reaches a step."""
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
    """What finds the same modules: of two alignops, not the one in the current folder."""
    path = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)
    return {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}

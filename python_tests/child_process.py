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
        env={**inherited_environment(), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def start_and_wait_for(script, folder, step):
    """Start a script that trains into a folder, and wait until its log has reached a step."""
    folder.mkdir()
    process = subprocess.Popen([sys.executable, script, folder], env=inherited_environment())
    log = folder / "log.jsonl"
    deadline = time.monotonic() + 120
    while not log.exists() or f'"step": {step},' not in log.read_text():
        assert process.poll() is None, "the training ended early"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def inherited_environment():
    """That of this process, with all that it imports from."""
    path = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)
    return {**os.environ, "PYTHONPATH": path}

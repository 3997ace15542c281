"""Runs Python in a fresh process that imports what this one does."""

import os
import subprocess
import sys
from pathlib import Path


def run_python(*arguments, **environment):
    """The finished process of `python <arguments>`, with its output as text."""
    path = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )

"""Its presence puts this folder, and so child_process.py, on the import path of every test."""

import sys
from pathlib import Path

# tools/ and benchmarks/ too; last, so that an installed alignops is the one that is tested.
sys.path.append(str(Path(__file__).parents[1]))

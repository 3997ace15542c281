import sys
from pathlib import Path

# The kernels are tested on the problems of the ops.
sys.path.append(str(Path(__file__).parents[1] / "ops"))

"""Published data that some tests and benchmarks read, below the folder that ALIGNOPS_DATA names."""

import os
from pathlib import Path

_FOLDER = Path(os.environ.get("ALIGNOPS_DATA", "data"))

COCO_CAPTIONS = _FOLDER / "captions_val2017.json"
FLICKR8K = _FOLDER / "flickr8k_800"
SUGAR_CREPE = _FOLDER / "sugar_crepe"

"""Tiny trainings on a few photos, with all that a run stands on in one folder."""

import json
from pathlib import Path

from alignops.methods.registry import METHODS
from alignops.models import DualEncoder
from alignops.training.config_values import from_values

CAPTIONS = ["a dog runs", "a cat"]
FROZEN = ("comalign", "aahr")
_OWN = {
    "clip": {},
    "comalign": {},
    "mosaiclip": {"wise_ft": 0.5},
    "powerclip": {"regions": {"count": 2}},
    "aahr": {"encoder": {"dim": 8, "heads": 2}, "losses": {"prototypes": 2, "queue": 8}},
}


def prepare_folder(folder: Path) -> None:
    """Put a model and detections beside `photos`."""
    DualEncoder.tiny(CAPTIONS).save(folder / "base")
    names = [path.name for path in sorted((folder / "photos" / "images").iterdir())]
    boxes = [{"image_id": name, "bbox": [1, 2, 20, 10], "score": 0.5} for name in names]
    (folder / "photos" / "boxes.json").write_text(json.dumps(boxes))


def train(method: str, folder: Path, run: Path):
    """Train a method on what `prepare_folder` made, into a run folder."""
    data = {"source": str(folder / "photos"), "validation": 0.2, "test": 0.3}
    if method == "comalign":
        data["detections"] = str(folder / "photos" / "boxes.json")
    values = {
        "data": data,
        "base" if method in FROZEN else "model": {"name": str(folder / "base")},
        "loop": {"steps": 3, "batch_size": 4, "checkpoint_every": 2, "log_every": 1},
        **_OWN[method],
    }
    return METHODS[method].train(from_values(METHODS[method].config, values), run)

"""Untrusted data and features: reading the files never executes their contents."""

import json
import warnings

import numpy as np
import pytest
import torch
from payloads import payloads
from PIL import Image

from alignops.data import FeatureCache, content_key, open_flickr, open_precomputed
from alignops.data.content_index import ContentIndex
from alignops.vision.boxes import load_detections
from alignops.vision.masks import open_masks


def read_all(folder):
    """Calls of all readers of a folder's files; each may fail."""
    cache = FeatureCache(folder / "features", content_key(a=1), 2)
    return [
        lambda: open_flickr(folder)[0],
        lambda: open_flickr(folder).fingerprints(),
        lambda: ContentIndex(folder / "index.sqlite").digests([folder / "images" / "a.png"]),
        lambda: load_detections(folder / "boxes.json"),
        lambda: open_masks(folder / "masks.json")["a.png"],
        lambda: open_masks(folder / "images")["a.png"],
        lambda: open_precomputed(folder).train.regions(0),
        lambda: cache[0],
        lambda: cache.fill(lambda items: [{"x": torch.zeros(1)} for _ in items]),
    ]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    Image.new("L", (3, 2), 1).save(folder / "images" / "a.png")
    (folder / "captions.txt").write_text("image,caption\na.png,A dog .\n")
    (folder / "boxes.json").write_text("[]")
    segmentation = {"size": [2, 3], "counts": [6]}
    entries = [{"image_id": "a", "segmentation": segmentation}]
    (folder / "masks.json").write_text(json.dumps(entries))
    for split in ("train", "dev", "test"):
        np.save(folder / f"{split}_ims.npy", np.zeros((1, 2, 3), np.float32))
        (folder / f"{split}_caps.txt").write_text("A dog .\n")
        (folder / f"{split}_ids.txt").write_text("1\n")
    for read in read_all(folder)[::-1]:
        read()
    return folder


def test_no_file_of_data_can_run_code(folder, tmp_path):
    marker = tmp_path / "marker"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".npy", ".json", ".safetensors", ".png", ".txt"}
    for payload in payloads(marker, tmp_path):
        for path in files:
            before = path.read_bytes()
            path.write_bytes(payload)
            for read in read_all(folder):
                attempt(read)
            assert not marker.exists(), path
            path.write_bytes(before)


def attempt(read):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read()
        except ValueError as error:
            message = str(error)
        else:
            return
    assert "/data/" in message, message  # which file it is

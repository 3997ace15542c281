import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from alignops.vision.masks import open_masks

MASKS = np.array([[[1, 1, 0], [0, 0, 0]], [[0, 0, 0], [0, 1, 1]]], dtype=bool)


@pytest.mark.parametrize("image_id", [7, "photo.jpg", "0007"])
def test_run_lengths(tmp_path, image_id):
    entries = []
    for mask in MASKS:
        encoded = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
        encoded["counts"] = encoded["counts"].decode()
        entries.append({"image_id": image_id, "segmentation": encoded, "score": 0.5})
    path = tmp_path / "masks.json"
    path.write_text(json.dumps(entries))
    key = "photo.jpg" if image_id == "photo.jpg" else "0007.jpg"
    assert (open_masks(path)[key] == MASKS).all()
    assert open_masks(path)["other.jpg"].shape == (0, 1, 1)


def test_uncompressed_run_lengths(tmp_path):
    path = tmp_path / "masks.json"  # column by column: 1 0 | 1 0 | 0 0
    segmentation = {"size": [2, 3], "counts": [0, 1, 1, 1, 3]}
    path.write_text(json.dumps([{"image_id": 1, "segmentation": segmentation}]))
    assert (open_masks(path)["1.jpg"] == MASKS[:1]).all()


def test_label_images(tmp_path):
    labels = np.array([[5, 5, 0], [0, 200, 200]], dtype=np.uint8)
    Image.fromarray(labels).save(tmp_path / "photo.png")
    masks = open_masks(tmp_path)["photo.jpg"]
    assert (masks == MASKS).all()
    assert masks.dtype == np.bool_
    assert open_masks(tmp_path)["other.jpg"].shape == (0, 1, 1)


def test_sixteen_bit_labels(tmp_path):
    labels = np.array([[0, 300], [65_000, 0]], dtype=np.uint16)
    Image.fromarray(labels).save(tmp_path / "photo.png")
    assert open_masks(tmp_path)["photo.jpg"].sum(axis=(1, 2)).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", r"masks\.json is not JSON"),
        ("{}", r"masks\.json holds a dict; expected a list of masks"),
        ('[{"image_id": 1, "segmentation": [[0, 0, 1, 1, 2, 2]]}]', "mask 0 is .*; expected"),
    ],
)
def test_unreadable_masks(tmp_path, text, message):
    path = tmp_path / "masks.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        open_masks(path)


def test_coloured_labels_are_refused(tmp_path):
    Image.new("RGB", (3, 2)).save(tmp_path / "photo.png")
    with pytest.raises(ValueError, match=r"photo\.png is an image of mode RGB; expected one"):
        open_masks(tmp_path)["photo.jpg"]


def test_no_masks(tmp_path):
    with pytest.raises(FileNotFoundError, match="neither a file nor a folder at"):
        open_masks(tmp_path / "missing")


def test_a_broken_label_image_is_named(tmp_path):
    Image.new("L", (30, 20)).save(tmp_path / "photo.png")
    (tmp_path / "photo.png").write_bytes((tmp_path / "photo.png").read_bytes()[:50])
    with pytest.raises(ValueError, match=r"photo\.png cannot be read as an image"):
        open_masks(tmp_path)["photo.jpg"]


def test_masks_are_counted_where_no_image_need_be_read(tmp_path):
    segmentation = {"size": [2, 3], "counts": [0, 1, 1, 1, 3]}
    entries = [{"image_id": number, "segmentation": segmentation} for number in (1, 1, 2)]
    (tmp_path / "masks.json").write_text(json.dumps(entries))
    assert open_masks(tmp_path / "masks.json").counts() == {"1": 2, "2": 1}
    Image.new("L", (3, 2)).save(tmp_path / "photo.png")
    assert open_masks(tmp_path).counts() == {"photo": None}


@pytest.mark.parametrize(
    ("size", "counts", "message"),
    [
        # pycocotools would make up the rest of the first two.
        ([2, 3], [3], "its runs cover 3 pixels; expected 6"),
        ([2, 3], "", "its runs cover 0 pixels; expected 6"),
        ([2, 3], [0, 1, 1, 1, 300], "its runs cover 303 pixels; expected 6"),
        ([2, 3], "~~~", "its counts are no run lengths"),
        ([2, 3], "PPPP", "its counts are no run lengths"),
    ],
)
def test_run_lengths_of_another_size_are_named(tmp_path, size, counts, message):
    path = tmp_path / "masks.json"
    path.write_text(json.dumps([{"image_id": 1, "segmentation": {"size": size, "counts": counts}}]))
    with pytest.raises(ValueError, match=rf"masks\.json has a damaged mask of 1\.jpg: {message}"):
        open_masks(path)["1.jpg"]


def test_masks_of_one_image_have_one_size(tmp_path):
    path = tmp_path / "masks.json"
    sizes = ([2, 3], [3, 2])
    entries = [{"image_id": 1, "segmentation": {"size": size, "counts": [6]}} for size in sizes]
    path.write_text(json.dumps(entries))
    with pytest.raises(ValueError, match=r"it is one of \[3, 2\]; the first is one of \[2, 3\]"):
        open_masks(path)["1.jpg"]


@pytest.mark.parametrize(
    ("size", "counts"),
    [([2, 3], [-1, 7]), ([10**6, 10**6], [10**12]), ([2, 3], "\u00e9"), ([2, 3], 6)],
)
def test_what_are_no_run_lengths_is_named(tmp_path, size, counts):
    path = tmp_path / "masks.json"
    path.write_text(json.dumps([{"image_id": 1, "segmentation": {"size": size, "counts": counts}}]))
    with pytest.raises(ValueError, match=r'masks\.json, mask 0 is .*; expected "image_id"'):
        open_masks(path)

import json
import shutil

import pytest
from PIL import Image

from alignops.data import SceneDataset, Splits, split_flickr, split_scenes, summarise

LISTS = ("train", "dev", "test")


@pytest.fixture
def folder(tmp_path):
    """20 photos: number 3 is broken, 4 is missing, and 10 is a copy of 9."""
    for number in range(20):
        Image.new("RGB", (8, 8), (9 * number, 0, 0)).save(tmp_path / f"{number}.jpg")
    shutil.copy(tmp_path / "9.jpg", tmp_path / "10.jpg")
    (tmp_path / "3.jpg").write_text("no photo")
    (tmp_path / "4.jpg").unlink()
    lines = [f"{number}.jpg,caption {n}" for number in range(20) for n in range(2)]
    (tmp_path / "captions.txt").write_text("\n".join(["image,caption", *lines]))
    return tmp_path


def test_a_folder_is_counted_with_what_is_left_out_and_why(folder):
    summary = summarise(split_flickr(folder, on_error="skip", validation=0.2, test=0.2))
    assert sum(summary.images.values()) == 18
    assert {name: 2 * count for name, count in summary.images.items()} == summary.captions
    reasons = dict(summary.skipped)
    assert reasons[str(folder / "4.jpg")] == "missing"
    assert "cannot identify" in reasons[str(folder / "3.jpg")]
    assert (len(reasons), summary.copies, summary.shared) == (2, 1, 0)
    assert json.loads(json.dumps(summary.values()))["images"] == summary.images
    text = str(summary)
    assert f"train {summary.images['train']} images and {summary.captions['train']} capt" in text
    assert "1 images are copies of another one in the same part." in text
    assert "2 images are skipped, such as" in text
    assert f"{folder / '4.jpg'}: missing" in text


def test_lists_that_put_a_photo_on_two_sides_are_told_of(folder):
    parts = (["9.jpg", "1.jpg"], ["2.jpg"], ["10.jpg"])
    for name, keys in zip(LISTS, parts, strict=True):
        (folder / f"Flickr_8k.{name}Images.txt").write_text("\n".join(keys))
    summary = summarise(split_flickr(folder, on_error="skip"))
    assert (summary.copies, summary.shared) == (0, 1)
    assert "1 photos stand in more than one part" in str(summary)


def test_scenes_are_counted_too():
    parts = split_scenes(train=4, validation=2, test=1, seed=0)
    splits = Splits(*(SceneDataset(part) for part in (parts.train, parts.validation, parts.test)))
    summary = summarise(splits)
    assert summary.images == {"train": 4, "validation": 2, "test": 1}
    assert str(summary) == (
        "Data: train 4 images and 4 captions, validation 2 images and 2 captions, "
        "test 1 images and 1 captions."
    )

import shutil
from pathlib import Path

import pytest
from PIL import Image
from published_data import FLICKR8K

from alignops.data import has_split_lists, open_flickr, split_flickr

needs_photos = pytest.mark.skipif(
    not FLICKR8K.is_dir(), reason="needs flickr8k_800 in ALIGNOPS_DATA"
)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def make_folder(folder: Path, images: int = 20) -> Path:
    (folder / "images").mkdir()
    for index in range(images):
        Image.new("RGB", (8, 8), (9 * index, 0, 0)).save(folder / "images" / f"{index}.jpg")
    lines = [f"{index}.jpg,caption {index}" for index in range(images)]
    write(folder / "captions.txt", "\n".join(["image,caption", *lines]))
    return folder


def test_no_captions(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds none of captions\.txt, captions\.csv"):
        open_flickr(tmp_path)


def test_images_beside_the_captions(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    write(tmp_path / "results.csv", "image,caption\na.jpg,A dog .\n")
    assert open_flickr(tmp_path)[0].captions == ("A dog .",)


def test_random_splits_share_no_image_and_are_reproducible(tmp_path):
    folder = make_folder(tmp_path)
    splits = split_flickr(folder, validation=0.2, test=0.1, seed=1)
    parts = [splits.train.keys, splits.validation.keys, splits.test.keys]
    assert [len(part) for part in parts] == [14, 4, 2]
    assert len(set().union(*parts)) == 20
    assert split_flickr(folder, validation=0.2, test=0.1, seed=1).test.keys == parts[2]
    assert split_flickr(folder, validation=0.2, test=0.1, seed=2).test.keys != parts[2]


def test_a_skipped_image_moves_no_other_between_splits(tmp_path):
    folder = make_folder(tmp_path)
    before = split_flickr(folder, validation=0.2, test=0.2)
    lost = before.train.keys[0]
    (folder / "images" / lost).unlink()
    after = split_flickr(folder, validation=0.2, test=0.2, on_error="skip")
    assert after.test.keys == before.test.keys
    assert after.validation.keys == before.validation.keys
    assert after.train.keys == before.train.keys[1:]
    assert after.train.skipped == [(folder / "images" / lost, "missing")]


def test_shipped_lists_decide_where_they_are_present(tmp_path):
    folder = make_folder(tmp_path)
    write(folder / "Flickr_8k.trainImages.txt", "3.jpg\n1.jpg\n")
    write(folder / "Flickr_8k.devImages.txt", "7.jpg\n")
    with pytest.raises(FileNotFoundError, match=r"Flickr_8k\.testImages\.txt is missing"):
        split_flickr(folder)
    write(folder / "Flickr_8k.testImages.txt", "9.jpg\n")
    splits = split_flickr(folder)
    assert splits.train.keys == ["1.jpg", "3.jpg"]
    assert splits.validation.keys == ["7.jpg"]
    assert splits.test.keys == ["9.jpg"]


def test_a_folder_says_whether_it_has_lists(tmp_path):
    assert not has_split_lists(tmp_path)
    (tmp_path / "Flickr_8k.devImages.txt").write_text("0001.jpg\n")
    assert has_split_lists(tmp_path)


def test_copies_of_a_photo_stay_on_one_side_and_move_no_other(tmp_path):
    folder = make_folder(tmp_path)
    before = split_flickr(folder, validation=0.2, test=0.2)
    original, copy = before.test.keys[0], before.train.keys[-1]
    shutil.copy(folder / "images" / original, folder / "images" / copy)
    after = split_flickr(folder, validation=0.2, test=0.2)
    sides = [part.keys for part in (after.train, after.validation, after.test)]
    assert any({original, copy} <= set(side) for side in sides)
    for side, side_before in zip(
        sides, (before.train, before.validation, before.test), strict=True
    ):
        others = {original, copy}
        assert set(side) - others == set(side_before.keys) - others


def test_a_table_of_tabs_is_found(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    write(tmp_path / "captions.tsv", "image\tcaption\na.jpg\tA dog .\n")
    assert open_flickr(tmp_path)[0].captions == ("A dog .",)


def test_captions_lead_outside_only_when_allowed(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    write(folder / "captions.txt", "image,caption\n../secret.png,A secret .\n")
    for on_error in ("raise", "skip"):
        with pytest.raises(ValueError, match=r"image '\.\./secret\.png' of the captions is a path"):
            open_flickr(folder, on_error=on_error)
        with pytest.raises(ValueError, match="allow_outside=True"):
            split_flickr(folder, on_error=on_error)
    assert open_flickr(folder, allow_outside=True)[0].image.size == (8, 8)


@needs_photos
def test_real_photos():
    dataset = open_flickr(FLICKR8K, on_error="skip")
    assert len(dataset) == 800
    assert dataset.skipped == []
    assert {len(captions) for captions in dataset.captions} == {5}
    item = dataset[0]
    assert item.key == "1000268201_693b08cb0e.jpg"
    assert item.captions[1] == "A girl going into a wooden building ."
    assert item.image.mode == "RGB"
    assert any('"' in text for captions in dataset.captions for text in captions)


@needs_photos
def test_real_photos_split():
    splits = split_flickr(FLICKR8K)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [640, 80, 80]

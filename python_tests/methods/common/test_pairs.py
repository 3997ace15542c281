from pathlib import Path

import numpy as np
import pytest

from alignops.data import summarise
from alignops.methods.common.pairs import (
    DataConfig,
    SceneConfig,
    open_image_pairs,
    open_pairs,
)

SCENES = DataConfig(scenes=SceneConfig(train=4, validation=2, test=3, styles=("tags", "natural")))


@pytest.fixture
def listed(photos):
    """Photos with lists of their own."""
    for part, number in (("train", 1), ("dev", 2), ("test", 3)):
        (photos / f"Flickr_8k.{part}Images.txt").write_text(f"{number:04d}.jpg\n")
    return photos


@pytest.fixture
def features(tmp_path):
    """Region features of one image with one caption, in three splits."""
    for split in ("train", "dev", "test"):
        np.save(tmp_path / f"{split}_ims.npy", np.zeros((1, 2, 3), np.float32))
        (tmp_path / f"{split}_ids.txt").write_text("5\n")
        (tmp_path / f"{split}_caps.txt").write_text("a dog\n")
    return tmp_path


def test_scenes_train_on_their_styles_and_are_tested_on_sentences():
    pairs = open_pairs(SCENES)
    assert [len(part) for part in (pairs.train, pairs.validation, pairs.test)] == [4, 2, 3]
    assert {len(texts) for texts in pairs.train.captions} == {2}
    assert {len(texts) for texts in pairs.test.captions} == {1}


def test_a_folder_of_photos_is_split(photos):
    pairs = open_pairs(DataConfig(source=str(photos), validation=0.2, test=0.3))
    assert [len(part) for part in (pairs.train, pairs.validation, pairs.test)] == [5, 2, 3]


def test_lists_of_its_own_split_a_folder(listed):
    assert open_pairs(DataConfig(source=str(listed))).test.keys == ["0003.jpg"]


def test_images_outside_are_opened_where_that_is_allowed(photos):
    (photos / "images" / "0000.jpg").rename(photos / "0000.jpg")
    captions = photos / "captions.txt"
    captions.write_text(captions.read_text().replace("0000.jpg", "../0000.jpg"))
    with pytest.raises(ValueError, match=r"'\.\./0000\.jpg' of the captions is a path outside"):
        open_pairs(DataConfig(source=str(photos)))
    pairs = open_pairs(DataConfig(source=str(photos), allow_outside=True))
    parts = (pairs.train, pairs.validation, pairs.test)
    assert "../0000.jpg" in [key for part in parts for key in part.keys]


def test_what_is_read_can_be_summarised(photos):
    (photos / "images" / "0000.jpg").write_bytes(b"broken")
    copy = (photos / "images" / "0001.jpg").read_bytes()
    (photos / "images" / "0002.jpg").write_bytes(copy)
    pairs = open_pairs(DataConfig(source=str(photos), on_error="skip", test=0.2, validation=0.2))
    summary = summarise(pairs)
    assert sum(summary.images.values()) == 9
    assert [Path(path).name for path, _ in summary.skipped] == ["0000.jpg"]
    assert (summary.copies, summary.shared) == (1, 0)


def test_datasets_say_what_they_have(photos, features):
    has = {}
    for source in ("scenes", str(photos), str(features)):
        config = SCENES if source == "scenes" else DataConfig(source=source)
        part = open_pairs(config).train
        has[source] = (part.has_images, part.has_boxes, part.has_regions)
    assert list(has.values()) == [
        (True, True, False),
        (True, False, False),
        (False, False, True),
    ]
    assert open_pairs(SCENES).test.compositional_pairs(0).keys() >= {"attribute_swap"}
    assert open_pairs(DataConfig(source=str(photos))).test.compositional_pairs(0) == {}


def test_region_features_are_no_images(features):
    with pytest.raises(ValueError, match=r"data\.source is .*; expected images, but it holds"):
        open_image_pairs(DataConfig(source=str(features)))


def test_a_part_without_images_is_named():
    with pytest.raises(ValueError, match="validation is a part without images"):
        open_pairs(DataConfig(scenes=SceneConfig(train=4, validation=0, test=3)))


def test_a_missing_source_is_named():
    with pytest.raises(FileNotFoundError, match=r"data\.source is 'nowhere'; expected 'scenes' or"):
        open_pairs(DataConfig(source="nowhere"))


@pytest.mark.parametrize(
    ("source", "settings", "message"),
    [
        ("scenes", {"detections": "x.json"}, r"data\.detections is x\.json; expected None, as "),
        (
            "scenes",
            {"on_error": "skip"},
            r"data\.on_error is skip; expected raise, as data",
        ),
        ("scenes", {"allow_outside": True}, r"data\.allow_outside is True; expected False, as"),
        ("scenes", {"test": 0.2}, r"data\.test is 0\.2; expected 0\.1, as data\.source is scenes"),
        ("photos", {"scenes": SceneConfig(size=32)}, r"data\.scenes\.size is 32; expected 64, as"),
        (
            "listed",
            {"validation": 0.2},
            r"validation is 0\.2; expected 0\.1, as .* lists",
        ),
        ("listed", {"test": 0.2}, r"data\.test is 0\.2; expected 0\.1, as .* has lists of its own"),
        ("listed", {"seed": 1}, r"data\.seed is 1; expected 0, as .* has lists of its own"),
        ("features", {"on_error": "skip"}, r"data\.on_error is skip; expected raise, as .* region"),
        ("features", {"seed": 1}, r"data\.seed is 1; expected 0, as .* region features"),
    ],
)
def test_a_setting_without_effect_is_refused(source, settings, message, request):
    folder = source if source == "scenes" else request.getfixturevalue(source)
    with pytest.raises(ValueError, match=message):
        open_pairs(DataConfig(source=str(folder), **settings))

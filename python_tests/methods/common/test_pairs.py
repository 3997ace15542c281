import numpy as np
import pytest

from alignops.methods.common.pairs import (
    DataConfig,
    SceneConfig,
    open_image_pairs,
    open_pairs,
)

SCENES = DataConfig(scenes=SceneConfig(train=4, validation=2, test=3, styles=("tags", "natural")))


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
        ("scenes", {"test": 0.2}, r"data\.test is 0\.2; expected 0\.1, as data\.source is scenes"),
        ("photos", {"scenes": SceneConfig(size=32)}, r"data\.scenes\.size is 32; expected 64, as"),
        ("features", {"on_error": "skip"}, r"data\.on_error is skip; expected raise, as .* region"),
        ("features", {"seed": 1}, r"data\.seed is 1; expected 0, as .* region features"),
    ],
)
def test_a_setting_without_effect_is_refused(source, settings, message, request):
    folder = source if source == "scenes" else request.getfixturevalue(source)
    with pytest.raises(ValueError, match=message):
        open_pairs(DataConfig(source=str(folder), **settings))

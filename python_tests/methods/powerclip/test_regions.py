import json

import numpy as np
import pytest
from PIL import Image

from alignops.data import ImageCaptions, PairedDataset
from alignops.methods.common.pairs import DataConfig, SceneConfig, open_pairs
from alignops.methods.powerclip.regions import RegionConfig, open_regions
from alignops.models import DualEncoder
from alignops.vision.regions import cover_of_boxes

SCENES = DataConfig(scenes=SceneConfig(train=3, validation=1, test=1, size=32))


@pytest.fixture(scope="module")
def model():
    return DualEncoder.tiny(["a dog"])  # 8 x 8 patches


class Photos(PairedDataset):
    """One image of 60 x 40 pixels: the model sees columns 10 to 50."""

    keys = ("0001.jpg",)
    captions = (("a dog",),)

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return ImageCaptions(Image.new("RGB", (60, 40)), self.captions[index], self.keys[index])


def test_random_regions_follow_the_source_of_chance(model):
    draw = open_regions(RegionConfig(count=6), None, open_pairs(SCENES).train, model)
    cover = draw(0, np.random.default_rng(1))
    assert cover.shape == (6, 64)
    assert (cover == draw(0, np.random.default_rng(1))).all()
    assert not (cover == draw(0, np.random.default_rng(2))).all()


def test_boxes_are_those_of_the_data(model):
    pairs = open_pairs(SCENES).train
    draw = open_regions(RegionConfig("boxes"), None, pairs, model)
    expected = cover_of_boxes(pairs.boxes(1), np.array([0, 0, 32, 32], np.float32), (8, 8))
    assert draw(1, np.random.default_rng(0)) == pytest.approx(expected)
    one = open_regions(RegionConfig("boxes", count=1), None, pairs, model)
    drawn = {tuple(one(1, np.random.default_rng(seed))[0]) for seed in range(10)}
    assert drawn == {tuple(row) for row in expected}


def test_masks_lie_where_the_model_sees_them(model, tmp_path):
    labels = np.zeros((40, 60), np.uint8)
    labels[0:5, 10:20], labels[:, :10] = 1, 2  # two patches; beside the square
    Image.fromarray(labels).save(tmp_path / "0001.png")
    draw = open_regions(RegionConfig("masks", masks=tmp_path), None, Photos(), model)
    cover = draw(0, np.random.default_rng(0))
    assert cover.shape == (1, 64)
    assert np.flatnonzero(cover[0]).tolist() == [0, 1]
    assert cover[0, :2] == pytest.approx(1)


def test_an_image_without_masks_has_no_regions(model, tmp_path):
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(tmp_path / "0001.png")
    draw = open_regions(RegionConfig("masks", masks=tmp_path), None, Photos(), model)
    assert draw(0, np.random.default_rng(0)).shape == (0, 64)


def test_masks_and_boxes_of_other_images_are_refused(model, tmp_path):
    path = tmp_path / "others.json"
    path.write_text(json.dumps([]))
    with pytest.raises(ValueError, match=r"regions\.masks is a file of masks of none of 1 images"):
        open_regions(RegionConfig("masks", masks=path), None, Photos(), model)
    path.write_text(json.dumps([{"image_id": "2.jpg", "bbox": [1, 2, 3, 4], "score": 1}]))
    with pytest.raises(ValueError, match="detections is a file of boxes of none of 1 images"):
        open_regions(RegionConfig("boxes"), path, Photos(), model)


def test_detections_without_effect_are_refused(model):
    with pytest.raises(ValueError, match=r"data\.detections is x\.json; expected None, as regions"):
        open_regions(RegionConfig(), "x.json", Photos(), model)


def test_configurations_that_contradict_themselves():
    with pytest.raises(ValueError, match=r"regions\.count is 0; expected at least 1"):
        RegionConfig(count=0)
    with pytest.raises(ValueError, match=r"regions\.masks is None; expected a path"):
        RegionConfig("masks")

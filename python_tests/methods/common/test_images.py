"""The images of a training."""

import numpy as np
import pytest
import torch

from alignops.data import SceneDataset, draw_scenes
from alignops.data.scenes import VOCABULARY
from alignops.methods.common.images import TrainingImages
from alignops.models import DualEncoder

SCENES = SceneDataset(draw_scenes(2, seed=0))


@pytest.fixture(scope="module")
def model():
    return DualEncoder.tiny(VOCABULARY)


def test_crops_are_drawn_by_the_generator_alone(model):
    images = TrainingImages(model, SCENES, random_crop=0.5)
    first = images.draw(0, np.random.default_rng(0))
    assert first.shape == (3, 32, 32)
    assert torch.equal(first, images.draw(0, np.random.default_rng(0)))
    assert not torch.equal(first, images.draw(0, np.random.default_rng(1)))


def test_whole_images_are_kept(model):
    images = TrainingImages(model, SCENES)
    assert len(images) == 2
    whole = images.draw(1, np.random.default_rng(0))
    assert torch.equal(whole, model.preprocess(SCENES[1].image))


@pytest.mark.parametrize("share", [0.0, 1.1])
def test_a_share_that_is_none(model, share):
    with pytest.raises(ValueError, match=rf"random_crop is {share}; expected a share in \(0, 1\]"):
        TrainingImages(model, SCENES, share)

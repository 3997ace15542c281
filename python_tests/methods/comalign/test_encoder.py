import numpy as np
import pytest
import torch

from alignops.data import SceneDataset, draw_scenes
from alignops.methods.comalign.encoder import ComponentEncoder, collate_components
from alignops.methods.common.boxes import BoxSource
from alignops.methods.common.frozen import ComponentConfig
from alignops.models import DualEncoder
from alignops.vision.boxes import Boxes

CAPTIONS = ["a small red circle is above a large blue square", "a small red circle", "red"]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return DualEncoder.tiny(CAPTIONS)


@pytest.fixture(scope="module")
def scenes():
    return SceneDataset(draw_scenes(3, objects=3, seed=0))


def encoder(model, folder=None, boxes=None, **limits):
    return ComponentEncoder(model, folder, boxes or BoxSource(), ComponentConfig(**limits))


def test_a_caption_has_its_noun_phrases_and_relations(model):
    full, single, _ = encoder(model).captions(CAPTIONS)
    phrases = ["small red circle", "large blue square", "small red circle above large blue square"]
    with torch.inference_mode():
        expected = model.encode_text(model.tokenizer([CAPTIONS[0], *phrases]))
    assert torch.allclose(full["pooled"], expected[:1], atol=1e-6)
    assert torch.allclose(full["entities"], expected[1:3], atol=1e-6)
    assert torch.allclose(full["relations"], expected[3:], atol=1e-6)
    assert [len(single[name]) for name in ("entities", "relations")] == [1, 0]


def test_an_image_has_its_boxes_and_the_boxes_around_pairs(model, scenes):
    image = encoder(model).images(scenes, range(1, 2))[0]
    assert [len(image[name]) for name in ("pooled", "entities", "relations")] == [1, 3, 3]
    whole = model.preprocess(scenes[1].image)[None]
    assert torch.allclose(image["pooled"], model.encode_image(whole), atol=1e-6)


def test_a_box_around_the_whole_image_is_the_image(model, scenes):
    class Whole(BoxSource):
        def find(self, dataset, index, item):
            return Boxes(np.array([[0, 0, 32, 32]], np.float32), np.ones(1, np.float32))

    image = encoder(model, boxes=Whole()).images(scenes, range(1))[0]
    assert torch.allclose(image["entities"], image["pooled"], atol=1e-4)


def test_limits_keep_the_first_and_the_best(model, scenes):
    limited = encoder(model, entities=1, relations=0)
    image, caption = limited.images(scenes, range(1))[0], limited.captions(CAPTIONS[:1])[0]
    assert [len(part["entities"]) for part in (image, caption)] == [1, 1]
    assert [len(part["relations"]) for part in (image, caption)] == [0, 0]


def test_features_are_computed_once(model, scenes, tmp_path, monkeypatch):
    first = encoder(model, tmp_path).cached_images(scenes)
    texts = encoder(model, tmp_path).cached_captions(CAPTIONS)
    monkeypatch.setattr(DualEncoder, "encode_image", None)
    monkeypatch.setattr(DualEncoder, "encode_text", None)
    again = encoder(model, tmp_path).cached_images(scenes)
    assert torch.equal(first[2]["relations"], again[2]["relations"])
    encoder(model, tmp_path).cached_captions(CAPTIONS)
    assert len(texts) == 3
    with pytest.raises(TypeError):
        encoder(model, tmp_path, entities=2).cached_images(scenes)


def test_a_batch_pads_and_masks(model):
    batch = collate_components(encoder(model).captions(CAPTIONS))
    assert batch.pooled.shape == (3, 64)
    assert batch.entity_mask.sum(dim=1).tolist()[:2] == [2, 1]
    assert batch.relation_mask.tolist() == [[True], [False], [False]]

import pytest
import torch
from tiny_bert import save_bert

from alignops.data import SceneDataset, draw_scenes
from alignops.methods.aahr.features import LocalEncoder, collate_local, local_rows
from alignops.methods.comalign import ComponentEncoder
from alignops.methods.common.boxes import BoxSource
from alignops.methods.common.frozen import ComponentConfig
from alignops.models import BertWords, DualEncoder

CAPTIONS = ["a small red circle is above a large blue square", "a circle"]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return DualEncoder.tiny(CAPTIONS)


@pytest.fixture(scope="module")
def scenes():
    return SceneDataset(draw_scenes(3, objects=2, seed=0))


def encoder(model, folder=None, regions="patches", bert=None):
    return LocalEncoder(model, folder, regions, BoxSource(), ComponentConfig(), bert)


def test_a_caption_has_its_words(model):
    long, short = encoder(model).captions(CAPTIONS)
    assert [len(long["words"]), len(short["words"])] == [10, 2]
    with torch.inference_mode():
        pooled, words, _ = model.encode_tokens(model.tokenizer(CAPTIONS))
    assert torch.equal(short["words"], words[1, 1:3])
    assert torch.equal(long["pooled"], pooled[:1])


def test_words_come_from_bert_and_are_cached_apart(model, tmp_path):
    pytest.importorskip("transformers")
    own = encoder(model, tmp_path)
    bert = BertWords(save_bert(tmp_path / "bert"))
    from_bert = encoder(model, tmp_path, bert=bert)
    widths = [each.cached_captions(CAPTIONS)[1]["words"].shape for each in (own, from_bert)]
    assert widths == [(2, 64), (2, 32)]
    pooled = [each.captions(CAPTIONS)[0]["pooled"] for each in (own, from_bert)]
    assert torch.allclose(*pooled, atol=1e-6)


def test_an_image_has_its_patches(model, scenes, tmp_path):
    image = encoder(model, tmp_path).cached_images(scenes)[1]
    with torch.inference_mode():
        pooled, patches = model.encode_patches(model.preprocess(scenes[1].image)[None])
    assert torch.allclose(image["patches"], patches[0], atol=1e-5)
    assert torch.allclose(image["pooled"], pooled, atol=1e-5)


def test_an_image_has_its_objects_and_their_pair(model, scenes, tmp_path):
    image = encoder(model, tmp_path, "boxes").cached_images(scenes)[0]
    assert local_rows(image).shape == (3, 64)


def test_the_features_of_boxes_are_those_of_comalign(model, scenes, tmp_path, monkeypatch):
    ComponentEncoder(model, tmp_path, BoxSource(), ComponentConfig()).cached_images(scenes)
    monkeypatch.setattr(DualEncoder, "encode_image", None)
    assert local_rows(encoder(model, tmp_path, "boxes").cached_images(scenes)[0]).shape == (3, 64)


def test_features_are_computed_once(model, scenes, tmp_path, monkeypatch):
    first = encoder(model, tmp_path).cached_images(scenes)
    encoder(model, tmp_path).cached_captions(CAPTIONS)
    monkeypatch.setattr(DualEncoder, "encode_patches", None)
    monkeypatch.setattr(DualEncoder, "encode_tokens", None)
    again = encoder(model, tmp_path).cached_images(scenes)
    assert torch.equal(first[2]["patches"], again[2]["patches"])
    assert len(encoder(model, tmp_path).cached_captions(CAPTIONS)) == 2


def test_a_batch_pads_and_masks(model):
    items = encoder(model).captions(CAPTIONS)
    batch = collate_local([i["pooled"] for i in items], [local_rows(i) for i in items])
    assert batch.pooled.shape == (2, 64)
    assert batch.mask.sum(dim=1).tolist() == [10, 2]

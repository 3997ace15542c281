import pytest
import torch

from alignops.data import SceneDataset, draw_scenes
from alignops.methods.common.embedding import embed_images, embed_texts, in_batches
from alignops.models import DualEncoder

TEXTS = ["a red circle", "a blue square", "a red circle"]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return DualEncoder.tiny(TEXTS).eval()


def test_batches_are_encoded_in_order_and_without_gradient():
    weight = torch.ones((), requires_grad=True)
    encoded = in_batches(lambda batch: weight * torch.tensor(batch), range(5), size=2)
    assert [batch.tolist() for batch in encoded] == [[0, 1], [2, 3], [4]]
    assert not any(batch.requires_grad for batch in encoded)
    assert in_batches(list, []) == []


def test_images_are_embedded_as_the_model_does(model):
    scenes = SceneDataset(draw_scenes(3, seed=0))
    pixels = torch.stack([model.preprocess(scenes[index].image) for index in range(3)])
    assert torch.equal(embed_images(model, scenes), model.encode_image(pixels).detach())
    assert embed_images(model, SceneDataset([])).shape == (0, 64)


def test_a_text_that_stands_there_twice_is_embedded_once(model, monkeypatch):
    seen = []
    tokenizer = model.tokenizer
    monkeypatch.setattr(model, "tokenizer", lambda texts: seen.extend(texts) or tokenizer(texts))
    embedded = embed_texts(model, TEXTS)
    assert seen == TEXTS[:2]
    assert torch.equal(embedded[0], embedded[2])
    assert torch.equal(embedded[:2], model.encode_text(tokenizer(TEXTS[:2])).detach())
    assert embed_texts(model, []).shape == (0, 64)

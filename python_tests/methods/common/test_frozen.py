import pytest
import torch
from PIL import Image

from alignops.data import ImageCaptions, PairedDataset, SceneDataset, draw_scenes
from alignops.methods.common.frozen import BaseConfig, FrozenEncoder
from alignops.models import DualEncoder

SCENES = SceneDataset(draw_scenes(4, seed=0), styles=("natural", "tags", "natural"))


class Numbered(FrozenEncoder):
    """An image by its index, a caption by its length."""

    setting = 1

    def images(self, dataset, items):
        return [{"pooled": torch.full((1, 2), float(index))} for index in items]

    def captions(self, captions):
        return [{"pooled": torch.full((1, 2), float(len(text)))} for text in captions]

    def image_settings(self, dataset):
        return {"setting": self.setting}

    def caption_settings(self):
        return {"setting": self.setting}


@pytest.fixture
def model():
    return DualEncoder.tiny(["a red circle"])


@pytest.fixture
def encoder(model, tmp_path):
    return Numbered(model, tmp_path)


def test_pairs_lead_from_an_image_to_the_features_of_its_captions(encoder):
    images, captions, rows = encoder.cached_pairs(SCENES)
    assert len(images) == 4
    for index, texts in enumerate(SCENES.captions):
        assert (images[index]["pooled"] == index).all()
        lengths = [captions[row]["pooled"][0, 0].item() for row in rows[index]]
        assert lengths == [len(text) for text in texts]


def test_a_distinct_caption_is_embedded_once(encoder):
    twice = SceneDataset(SCENES.scenes[:1] * 2)
    assert len(encoder.cached_pairs(twice).captions) == 1
    assert encoder.cached_pairs(twice).rows == [[0], [0]]


def test_features_are_read_again_unless_what_they_depend_on_changes(encoder, model, monkeypatch):
    encoder.cached_pairs(SCENES)
    monkeypatch.setattr(Numbered, "images", None)
    encoder.cached_pairs(SCENES)
    monkeypatch.setattr(Numbered, "setting", 2)
    with pytest.raises(TypeError):
        encoder.cached_images(SCENES)
    monkeypatch.setattr(Numbered, "setting", 1)
    with torch.no_grad():
        model.network.visual.proj.add_(1)
    with pytest.raises(TypeError):
        encoder.cached_images(SCENES)


def test_features_follow_the_pixels_of_images_whatever_their_dataset(encoder, monkeypatch):
    class Own(PairedDataset):
        keys, captions = ["0"], [("a dog",)]
        colour = "red"

        def __len__(self):
            return 1

        def __getitem__(self, index):
            return ImageCaptions(Image.new("RGB", (8, 8), self.colour), self.captions[0], "0")

    encoder.cached_images(Own())
    monkeypatch.setattr(Numbered, "images", None)
    encoder.cached_images(Own())
    monkeypatch.setattr(Own, "colour", "blue")
    with pytest.raises(TypeError):
        encoder.cached_images(Own())


def test_the_model_stays_frozen(encoder):
    assert not any(weight.requires_grad for weight in encoder.model.parameters())
    assert not encoder.model.training


def test_a_base_is_loaded_from_its_folder(model, tmp_path):
    model.save(tmp_path / "base")
    assert BaseConfig(str(tmp_path / "base")).load().fingerprint() == model.fingerprint()

import json

import numpy as np
import pytest
import torch
from open_clip.model import CLIP
from PIL import Image

from alignops.models import DualEncoder

TEXTS = ["a small red circle", "a large blue square is left of a red circle"]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return DualEncoder.tiny(TEXTS).eval()


@pytest.fixture
def images(model):
    return torch.stack([model.preprocess(Image.new("RGB", (40, 30), c)) for c in ("red", "blue")])


def test_global_patch_and_token_embeddings_agree(model, images):
    tokens = model.tokenizer(TEXTS)
    image, text = model.encode_patches(images), model.encode_tokens(tokens)
    assert image.patches.shape == (2, 64, model.embed_dim)
    assert text.tokens.shape == (2, 16, model.embed_dim)
    assert torch.allclose(image.pooled, model.encode_image(images), atol=1e-6)
    assert torch.allclose(text.pooled, model.encode_text(tokens), atol=1e-6)


def test_patches_average_to_the_global_embedding_under_average_pooling(model, images):
    image = model.encode_patches(images)
    pooled = torch.nn.functional.normalize(image.patches.mean(dim=1), dim=-1)
    assert torch.allclose(pooled, image.pooled, atol=1e-5)


def test_the_mask_covers_the_words_only(model):
    mask = model.encode_tokens(model.tokenizer(TEXTS)).mask
    assert mask.sum(dim=1).tolist() == [4, 10]
    assert not mask[:, 0].any()


def test_crops_are_normalised_as_images_are(model):
    image = Image.new("RGB", (32, 32), (200, 100, 50))
    crops = np.array(image)[None]
    assert torch.allclose(model.preprocess_crops(crops)[0], model.preprocess(image), atol=1e-6)


def test_a_saved_model_comes_back_equal(model, images, tmp_path):
    model.save(tmp_path / "model")
    loaded = DualEncoder.load(str(tmp_path / "model")).eval()
    assert loaded.fingerprint() == model.fingerprint()
    assert torch.equal(loaded.encode_image(images), model.encode_image(images))
    assert torch.equal(loaded.tokenizer(TEXTS), model.tokenizer(TEXTS))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_the_fingerprint_follows_the_weights():
    one, other = DualEncoder.tiny(TEXTS), DualEncoder.tiny(TEXTS)
    other.load_state_dict(one.state_dict())
    assert one.fingerprint() == other.fingerprint()
    with torch.no_grad():
        next(iter(other.network.visual.transformer.parameters()))[0] += 1
    assert one.fingerprint() != other.fingerprint()


def test_open_clip_names_json_files_and_local_checkpoints(tmp_path):
    config = {
        "embed_dim": 16,
        "vision_cfg": {
            "image_size": 32,
            "layers": 1,
            "width": 32,
            "patch_size": 16,
            "head_width": 16,
        },
        "text_cfg": {"context_length": 20, "width": 16, "heads": 2, "layers": 1},
    }
    file = tmp_path / "small-test-clip.json"
    file.write_text(json.dumps(config))
    model = DualEncoder.load(str(file))
    checkpoint = tmp_path / "weights.pt"
    torch.save(model.network.state_dict(), checkpoint)
    loaded = DualEncoder.load("small-test-clip", pretrained=str(checkpoint))
    assert loaded.fingerprint() == model.fingerprint()
    text = loaded.encode_tokens(loaded.tokenizer(["two words"]))
    assert text.mask.sum().item() == 2
    assert loaded.encode_patches(torch.zeros(1, 3, 32, 32)).patches.shape == (1, 4, 16)


def test_a_resnet_has_no_patches():
    config = {"layers": [1, 1, 1, 1], "width": 8, "image_size": 32}
    text = {"context_length": 8, "vocab_size": 10, "width": 8, "heads": 1, "layers": 1}
    model = DualEncoder(CLIP(8, config, text), {"embed_dim": 8}, DualEncoder.tiny(TEXTS).tokenizer)
    with pytest.raises(ValueError, match="ModifiedResNet; expected an open_clip vision"):
        model.encode_patches(torch.zeros(1, 3, 32, 32))


@pytest.mark.parametrize(
    ("name", "pretrained", "message"),
    [
        ("ViT-Z", None, "name is 'ViT-Z'; expected a name known to open_clip"),
        ("missing.json", None, "the model configuration missing.json does not exist"),
        (
            "ViT-B-32",
            "nope",
            "pretrained is 'nope'; expected a file or a tag of ViT-B-32: openai",
        ),
    ],
)
def test_unknown_models_are_named(name, pretrained, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        DualEncoder.load(name, pretrained)


def test_an_incomplete_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no open_clip_config\.json"):
        DualEncoder.load(str(tmp_path))


def test_the_image_size_must_suit_the_patches():
    with pytest.raises(ValueError, match="image_size is 30; expected a positive multiple of 8"):
        DualEncoder.tiny(TEXTS, image_size=30)

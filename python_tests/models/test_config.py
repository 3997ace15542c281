import pytest

from alignops.models import DualEncoderConfig
from alignops.models.config import build_dual_encoder

TEXTS = ["a small red circle", "a red circle"]


def test_a_tiny_model_takes_its_words_from_the_texts_or_from_the_configuration():
    build = build_dual_encoder
    assert build(DualEncoderConfig(), TEXTS).tokenizer.words == ("a", "circle", "red", "small")
    assert build(DualEncoderConfig(minimum_count=2), TEXTS).tokenizer.words == (
        "a",
        "circle",
        "red",
    )
    given = DualEncoderConfig(words=("blue",), minimum_count=2)
    assert build(given, TEXTS).tokenizer.words == ("blue",)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"name": "ViT-B-32", "image_size": 64},
            "model.image_size is 64; expected 32, as model.name is ViT-B-32",
        ),
        (
            {"pretrained": "openai"},
            "model.pretrained is openai; expected None, as model.name is tiny",
        ),
    ],
)
def test_a_setting_without_effect_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        build_dual_encoder(DualEncoderConfig(**settings), TEXTS)

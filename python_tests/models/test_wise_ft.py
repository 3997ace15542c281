"""Weights between those before and those after fine-tuning."""

import pytest
import torch

from alignops.models import DualEncoder
from alignops.models.wise_ft import interpolate_vision, vision_weights


@pytest.fixture
def model():
    torch.manual_seed(0)
    return DualEncoder.tiny(["a red circle"])


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_the_image_tower_moves_and_the_text_tower_stays(model, weight):
    before = vision_weights(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    text = model.encode_text(model.tokenizer(["a red circle"]))
    interpolate_vision(model, before, weight)
    for name, parameter in model.network.visual.named_parameters():
        torch.testing.assert_close(parameter.detach(), before[name] + weight)
    assert torch.equal(model.encode_text(model.tokenizer(["a red circle"])), text)


def test_the_copy_is_a_copy(model):
    before = vision_weights(model)
    with torch.no_grad():
        model.network.visual.proj.add_(1)
    assert not torch.equal(before["proj"], model.network.visual.proj)


def test_a_weight_beyond_one(model):
    with pytest.raises(ValueError, match=r"weight is 1.5; expected a number between 0 and 1"):
        interpolate_vision(model, vision_weights(model), 1.5)

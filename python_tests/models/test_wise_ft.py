"""Weights between those before and those after fine-tuning."""

import pytest
import torch

from alignops.models import Tower
from alignops.models.wise_ft import interpolate_vision, vision_weights


@pytest.fixture
def tower():
    torch.manual_seed(0)
    return Tower.tiny(["a red circle"])


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_the_image_tower_moves_and_the_text_tower_stays(tower, weight):
    before = vision_weights(tower)
    with torch.no_grad():
        for parameter in tower.parameters():
            parameter.add_(1)
    text = tower.encode_text(tower.tokenizer(["a red circle"]))
    interpolate_vision(tower, before, weight)
    for name, parameter in tower.model.visual.named_parameters():
        torch.testing.assert_close(parameter.detach(), before[name] + weight)
    assert torch.equal(tower.encode_text(tower.tokenizer(["a red circle"])), text)


def test_the_copy_is_a_copy(tower):
    before = vision_weights(tower)
    with torch.no_grad():
        tower.model.visual.proj.add_(1)
    assert not torch.equal(before["proj"], tower.model.visual.proj)


def test_a_weight_beyond_one(tower):
    with pytest.raises(ValueError, match=r"weight is 1.5, expected a number between 0 and 1"):
        interpolate_vision(tower, vision_weights(tower), 1.5)

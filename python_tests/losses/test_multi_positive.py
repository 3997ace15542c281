import pytest
import torch
from torch.nn.functional import normalize

import alignops
from alignops.losses import MultiPositiveContrastiveLoss


def test_is_the_op_with_its_reduction():
    image = normalize(torch.randn(3, 4), dim=-1)
    text = normalize(torch.randn(5, 4), dim=-1)
    image_index = torch.tensor([0, 0, 1, 2, 2])
    positive = torch.tensor([True, False, True, True, True])
    for reduction in ("mean", "sum"):
        expected = alignops.multi_positive_contrastive_loss(
            image, text, image_index, positive, logit_scale=7.0, reduction=reduction
        )
        loss = MultiPositiveContrastiveLoss(reduction)
        assert torch.equal(loss(image, text, image_index, positive, logit_scale=7.0), expected)


def test_without_a_positive_text_the_loss_is_0_with_zero_gradient():
    image = normalize(torch.randn(3, 4), dim=-1).requires_grad_()
    loss = MultiPositiveContrastiveLoss()(
        image, image, torch.arange(3), torch.zeros(3, dtype=torch.bool), logit_scale=7.0
    )
    loss.backward()
    assert loss.item() == 0
    assert not image.grad.any()


def test_an_unknown_reduction_is_refused():
    with pytest.raises(ValueError, match="reduction is 'max'; expected one of 'mean', 'sum'"):
        MultiPositiveContrastiveLoss("max")

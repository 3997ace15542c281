import math

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from alignops.losses import ClipLoss


def test_is_the_symmetric_cross_entropy():
    image, text = (normalize(torch.randn(7, 5), dim=-1) for _ in range(2))
    logits, target = 12.0 * image @ text.T, torch.arange(7)
    expected = (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2
    assert torch.allclose(ClipLoss()(image, text, 12.0), expected, atol=1e-5)


def test_the_scale_takes_gradient():
    image, text = (normalize(torch.randn(4, 5), dim=-1) for _ in range(2))
    scale = torch.tensor(3.0, requires_grad=True)
    ClipLoss()(image, text, scale).backward()
    assert scale.grad is not None
    assert math.isfinite(scale.grad.item())
    assert scale.grad.item() != 0


def test_batches_of_different_size_are_refused():
    with pytest.raises(
        ValueError, match=r"text is a .*\(3, 5\); expected 4 rows, one for each of image"
    ):
        ClipLoss()(torch.zeros(4, 5), torch.zeros(3, 5), 1.0)

import torch

from alignops.methods.common.scorer import Similarities
from alignops.methods.results import _recalls


def test_the_size_of_cocos_test_is_also_reported_in_folds_of_1000():
    # Image i is taken for image i + 1, which is in the same fold but for i = 999, 1999, ...
    score = torch.eye(5000) + 2 * torch.eye(5000).roll(1, dims=1)
    recalls = _recalls(Similarities(score, score), torch.arange(5000))
    assert recalls["image to text R@1"].accuracy == 0
    assert recalls["image to text R@1, folds of 1K"].accuracy == 5 / 5000
    assert recalls["text to image R@5, folds of 1K"].accuracy == 1
    few = _recalls(Similarities(score[:4, :4], score[:4, :4]), torch.arange(4))
    assert not any("folds" in name for name in few)

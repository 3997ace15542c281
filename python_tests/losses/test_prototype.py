import math

import torch

from alignops.losses import PrototypeContrastiveLoss
from alignops.losses.prototype import sinkhorn


def sinkhorn_by_loops(scores, epsilon, iterations):
    """As published: prototypes of mass 1/K, then samples of mass 1/B, then rows that sum to 1."""
    samples, prototypes = scores.shape
    q = [[math.exp(value / epsilon) for value in row] for row in scores.tolist()]
    for _ in range(iterations):
        for k in range(prototypes):
            mass = sum(q[b][k] for b in range(samples))
            for b in range(samples):
                q[b][k] /= mass * prototypes
        for b in range(samples):
            mass = sum(q[b])
            q[b] = [value / (mass * samples) for value in q[b]]
    return torch.tensor(q, dtype=torch.float64) * samples


def test_sinkhorn_is_the_published_algorithm():
    torch.manual_seed(0)
    scores = torch.rand(7, 4, dtype=torch.float64) * 2 - 1
    given = sinkhorn(scores, epsilon=0.1, iterations=3)
    assert torch.allclose(given, sinkhorn_by_loops(scores, 0.1, 3))
    assert torch.allclose(given.sum(dim=1), torch.ones(7, dtype=torch.float64))


def test_sinkhorn_uses_all_prototypes_alike():
    torch.manual_seed(0)
    scores = torch.rand(64, 4, dtype=torch.float64) + torch.tensor([1.0, 0.0, 0.0, 0.0])
    assert torch.allclose(
        sinkhorn(scores, iterations=50).sum(dim=0), torch.full((4,), 16.0).double(), atol=0.1
    )


def test_the_loss_is_the_equation_with_its_gradients():
    torch.manual_seed(0)
    loss = PrototypeContrastiveLoss(prototypes=4, dim=3).double()
    image, text = torch.randn(2, 5, 3, dtype=torch.float64).unbind()
    image.requires_grad_()
    text.requires_grad_()
    with torch.no_grad():
        loss.prototypes.mul_(3)
    inputs = (image, text, loss.prototypes)
    prototypes = loss.prototypes / loss.prototypes.norm(dim=1, keepdim=True)
    scores = [side @ prototypes.T for side in (image, text)]
    targets = [sinkhorn_by_loops(side.detach(), 0.1, 3) for side in scores]
    expected = 0.0
    for predicted, target in ((scores[0], targets[1]), (scores[1], targets[0])):
        for b in range(5):
            log_total = torch.log(sum(torch.exp(value / 0.1) for value in predicted[b]))
            for k in range(4):
                expected = expected - target[b, k] * (predicted[b, k] / 0.1 - log_total) / 5
    given = loss(image, text)
    assert torch.allclose(given, expected)
    for one, other in zip(
        torch.autograd.grad(given, inputs), torch.autograd.grad(expected, inputs), strict=True
    ):
        assert torch.allclose(one, other)

import math

import pytest
import torch

from alignops.losses import DistanceWeightedTripletLoss, HardestTripletLoss
from alignops.losses.triplet import distance_weights, hardest_triplet


def pairs(count=5, dim=6, seed=0):
    torch.manual_seed(seed)
    rows = torch.randn(2 * count, dim, dtype=torch.float64)
    rows = rows / rows.norm(dim=1, keepdim=True)
    return rows[:count].clone().requires_grad_(), rows[count:].clone().requires_grad_()


def gradients(loss, *inputs):
    return torch.autograd.grad(loss, inputs)


def hardest(image, text, ids, margin):
    """The paper's form by loops: both directions, summed."""
    total = 0.0
    for i in range(len(ids)):
        own = image[i] @ text[i]
        others = [j for j in range(len(ids)) if ids[j] != ids[i]]
        for scores in (
            [image[i] @ text[j] for j in others],
            [image[j] @ text[i] for j in others],
        ):
            if scores:
                total = total + torch.clamp(max(scores) - own + margin, min=0)
    return total


@pytest.mark.parametrize("ids", [[0, 1, 2, 3, 4], [0, 1, 0, 2, 1], [7, 7, 7, 7, 7]])
def test_hardest_is_the_equation(ids):
    image, text = pairs()
    given = HardestTripletLoss(0.3, reduction="sum")(image, text, torch.tensor(ids))
    expected = hardest(image, text, ids, 0.3)
    if len(set(ids)) == 1:
        assert given.item() == expected == 0
        return
    assert torch.allclose(given, expected)
    mean = HardestTripletLoss(0.3)(image, text, torch.tensor(ids))
    assert torch.allclose(mean, expected / 5)
    for one, other in zip(
        gradients(given, image, text), gradients(expected, image, text), strict=True
    ):
        assert torch.allclose(one, other)


def test_a_hand_worked_row():
    similarity = torch.tensor([[0.5, 0.4, 0.9], [0.0, 0.8, 0.1], [0.0, 0.3, 0.2]])
    assert hardest_triplet(similarity, 0.2).tolist() == pytest.approx([0.6, 0.0, 0.3])
    is_negative = torch.tensor([[False, True, False], [False] * 3, [True, False, False]])
    expected = [0.1, 0.0, 0.0]
    assert hardest_triplet(similarity, 0.2, is_negative).tolist() == pytest.approx(expected)


def weight(similarity, dim):
    """The inverse density of distances on a sphere, up to a factor."""
    distance = max(math.sqrt(2 - 2 * similarity), 0.5)
    return distance ** (2 - dim) * (1 - distance**2 / 4) ** ((3 - dim) / 2)


@pytest.mark.parametrize("dim", [16, 512])
def test_weights_are_one_over_the_density_of_distances(dim):
    similarity = torch.tensor(
        [[1.0, 0.95, 0.4, -0.2], [0.3, 1.0, 0.1, 0.0], [-0.9, -0.8, 1.0, -0.7], [0.2] * 4],
        dtype=torch.float64,
    )
    is_negative = torch.tensor([[0, 1, 1, 1], [1, 0, 0, 1], [1, 1, 0, 1], [0, 0, 0, 0]]).bool()
    given = distance_weights(similarity, is_negative, farthest=1.7, dim=dim)
    row = [weight(value, dim) for value in (0.95, 0.4, -0.2)]
    assert given[0].tolist() == pytest.approx([0, *(value / sum(row) for value in row)])
    first, last = weight(0.3, dim), weight(0.0, dim)
    assert given[1].tolist() == pytest.approx([first / (first + last), 0, 0, last / (first + last)])
    # Distances 1.95, 1.90 and 1.84 are beyond the farthest; the last row has no negatives.
    assert given[2:].tolist() == [[0.0] * 4] * 2


def test_distance_weighted_is_the_hinge_of_what_it_draws():
    image, text = pairs(count=8)
    ids = torch.tensor([0, 1, 2, 3, 0, 4, 5, 6])
    torch.manual_seed(3)
    given = DistanceWeightedTripletLoss(0.4, reduction="sum")(image, text, ids)
    torch.manual_seed(3)
    similarity = image @ text.T
    is_negative = ids[:, None] != ids[None, :]
    expected, drawn = 0.0, []
    for scores in (similarity, similarity.T):
        weights = distance_weights(scores, is_negative)
        index = torch.multinomial(weights, 1).squeeze(1).tolist()
        for i, j in enumerate(index):
            expected = expected + torch.clamp(scores[i, j] - scores[i, i] + 0.4, min=0)
            drawn.append((ids[i].item(), ids[j].item()))
    assert given.item() == pytest.approx(expected.item())
    assert all(one != other for one, other in drawn)
    for one, other in zip(
        gradients(given, image, text), gradients(expected, image, text), strict=True
    ):
        assert torch.allclose(one, other)


def test_draws_follow_the_weights():
    torch.manual_seed(0)
    similarity = torch.tensor([[0.9, 0.3, 0.5], [0.1, 0.9, 0.2], [0.3, 0.1, 0.9]])
    weights = distance_weights(similarity, ~torch.eye(3, dtype=torch.bool), dim=16)
    rows = weights[:1].expand(4000, 3)
    share = (torch.multinomial(rows, 1) == 2).double().mean().item()
    assert share == pytest.approx(weights[0, 2].item(), abs=0.03)


def test_without_any_negative_the_loss_is_zero_with_zero_gradient():
    image, text = pairs()
    loss = DistanceWeightedTripletLoss()(image, text, torch.zeros(5, dtype=torch.int64))
    assert loss.item() == 0
    assert all(not gradient.any() for gradient in gradients(loss, image, text))


@pytest.mark.parametrize("kind", [HardestTripletLoss, DistanceWeightedTripletLoss])
def test_an_empty_batch_has_zero_loss(kind):
    assert kind()(torch.zeros(0, 4), torch.zeros(0, 4)).item() == 0


@pytest.mark.parametrize("kind", [HardestTripletLoss, DistanceWeightedTripletLoss])
def test_what_does_not_fit_is_named(kind):
    with pytest.raises(ValueError, match="reduction is 'max'; expected one of 'mean', 'sum'"):
        kind(reduction="max")
    with pytest.raises(
        ValueError, match=r"text is a .*\(2, 4\); expected 3 rows, one for each of image"
    ):
        kind()(torch.zeros(3, 4), torch.zeros(2, 4))
    with pytest.raises(
        ValueError, match=r"image_id is a .*\(3,\); expected a torch.int64 tensor of shape \(2,\)"
    ):
        kind()(torch.zeros(2, 4), torch.zeros(2, 4), torch.arange(3))

import pytest
import torch
from torch.nn.functional import normalize

from alignops import exact_powerset_similarity
from alignops.losses import PowersetTripletLoss


def embeddings(*shape, seed=0, unit=True):
    rows = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return (normalize(rows, dim=-1) if unit else rows).requires_grad_()


def triplet(score, margin):
    """The loss by loops."""
    losses = [
        max(max(row[j] for j in range(len(row)) if j != i) - row[i] + margin, 0.0)
        for matrix in (score.tolist(), score.T.tolist())
        for i, row in enumerate(matrix)
    ]
    return sum(losses) / len(score)


@pytest.mark.parametrize("directions", [("r2t", "t2r"), ("r2t",), ("t2r",)])
def test_the_loss_is_the_equation(directions):
    regions, phrases = embeddings(5, 4, 8), embeddings(5, 3, 8, seed=1, unit=False)
    loss = PowersetTripletLoss(tau=1e-4, zeta=1.0, directions=directions)
    exact = exact_powerset_similarity(regions, phrases)
    s = torch.einsum("imd,jkd->ijmk", regions, phrases)
    # With zeta = 1 and a small tau, r2t is max_B sum_m relu(s), as is the best subset's score.
    bound = s.relu().sum(dim=2).amax(dim=2)
    score = sum({"t2r": exact.t2r, "r2t": bound}[name] for name in directions)
    found = loss(regions, phrases)
    assert found.item() == pytest.approx(triplet(score, 0.2), abs=2e-3)
    found.backward()
    assert torch.isfinite(regions.grad).all()
    assert regions.grad.abs().sum() > 0


@pytest.mark.parametrize("directions", [("r2t", "t2r"), ("r2t",), ("t2r",)])
def test_all_subsets_give_the_loss_that_the_aggregators_approximate(directions):
    regions, phrases = embeddings(5, 4, 8), embeddings(5, 3, 8, seed=1, unit=False)
    mask = torch.rand(5, 4, generator=torch.Generator().manual_seed(2)) < 0.7
    scores = exact_powerset_similarity(regions, phrases, mask)._asdict()
    loss = PowersetTripletLoss(directions=directions, exact=True)
    assert loss.similarity(regions, phrases, mask).equal(sum(scores[name] for name in directions))
    mask = torch.ones(5, 4, dtype=torch.bool)
    scores = exact_powerset_similarity(regions, phrases)._asdict()
    found = loss(regions, phrases, mask)
    expected = triplet(sum(scores[name] for name in directions), 0.2)
    assert found.item() == pytest.approx(expected, rel=1e-5)
    found.backward()
    assert regions.grad.abs().sum() > 0


def test_single_regions_are_matched_by_their_best():
    regions, phrases = embeddings(4, 3, 8), embeddings(4, 5, 8, seed=1)
    s = torch.einsum("imd,jkd->ijmk", regions, phrases)
    score = s.amax(dim=3).mean(dim=2) + s.amax(dim=2).mean(dim=2)
    loss = PowersetTripletLoss(subsets=False, margin=0.5)
    assert loss(regions, phrases).item() == pytest.approx(triplet(score, 0.5), abs=1e-5)


def test_pairs_without_regions_or_phrases_take_no_part():
    regions, phrases = embeddings(4, 3, 8), embeddings(4, 2, 8, seed=1)
    region_mask = torch.ones(4, 3, dtype=torch.bool)
    phrase_mask = torch.ones(4, 2, dtype=torch.bool)
    region_mask[1], phrase_mask[3] = False, False
    loss = PowersetTripletLoss(margin=5.0)
    found = loss(regions, phrases, region_mask, phrase_mask)
    kept = [0, 2]
    assert found.item() == pytest.approx(loss(regions[kept], phrases[kept]).item() / 2, rel=1e-5)
    found.backward()
    assert (regions.grad[[1, 3]] == 0).all()
    assert torch.isfinite(phrases.grad).all()


@pytest.mark.parametrize("subsets", [True, False])
def test_a_jagged_image_without_regions_counts_as_little_as_a_masked_one(subsets):
    regions, phrases = embeddings(3, 3, 8), embeddings(3, 2, 8, seed=1)
    lengths = torch.tensor([3, 0, 2])
    jagged = torch.nested.nested_tensor(
        [rows[:n] for rows, n in zip(regions.detach(), lengths, strict=True)], layout=torch.jagged
    )
    loss = PowersetTripletLoss(margin=5.0, subsets=subsets)
    expected = loss(regions, phrases, torch.arange(3) < lengths[:, None])
    assert torch.equal(loss(jagged, phrases), expected)
    # The same holds if no image has any.
    assert loss(torch.empty(3, 0, 8), phrases).item() == 0


@pytest.mark.parametrize("size", [0, 1])
def test_no_negatives_no_loss(size):
    regions, phrases = embeddings(size, 3, 8), embeddings(size, 2, 8, seed=1)
    loss = PowersetTripletLoss()(regions, phrases)
    loss.backward()
    assert loss.item() == 0
    assert not regions.grad.isnan().any()


def test_a_batch_in_which_nothing_takes_part():
    regions, phrases = embeddings(3, 3, 8), embeddings(3, 2, 8, seed=1)
    loss = PowersetTripletLoss()(regions, phrases, torch.zeros(3, 3, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert (regions.grad == 0).all()


def test_errors():
    with pytest.raises(TypeError, match="directions is of type generator; expected a tuple of"):
        PowersetTripletLoss(directions=(name for name in ("r2t", "t2r")))
    with pytest.raises(ValueError, match="tau is -1; expected a finite number above 0"):
        PowersetTripletLoss(tau=-1)
    with pytest.raises(
        ValueError, match=r"directions is \(\); expected a tuple of 'r2t', 't2r' or both"
    ):
        PowersetTripletLoss(directions=())
    with pytest.raises(ValueError, match="exact is True; expected False, as subsets is False"):
        PowersetTripletLoss(subsets=False, exact=True)
    with pytest.raises(ValueError, match=r"regions .* at most 20"):
        PowersetTripletLoss(exact=True)(embeddings(2, 21, 8), embeddings(2, 2, 8))
    with pytest.raises(
        ValueError, match=r"phrases is a .*; expected 3 rows, one for each of regions"
    ):
        PowersetTripletLoss()(embeddings(3, 2, 8), embeddings(2, 2, 8))

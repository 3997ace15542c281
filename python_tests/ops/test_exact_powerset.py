from itertools import product

import pytest
import torch
from hypothesis import given
from op_testing import (
    EXACT_POWERSET,
    Problem,
    assert_gradients,
    assert_matches_reference,
    drawn,
    problems,
)

from alignops import exact_powerset_similarity
from alignops.reference import exact_powerset


def by_enumeration(s):
    """(r2t, t2r) of one pair from its similarities (regions, phrases), subset by subset."""
    q = torch.tensor(list(product((0, 1), repeat=len(s))), dtype=s.dtype) @ s
    return q.max(1).values.mean(), q.max(0).values.mean()


def test_a_case_worked_by_hand():
    regions, phrases = torch.tensor([[[2.0], [-3.0]]]), torch.tensor([[[1.0], [-1.0]]])
    # Subsets {}, {2}, {-3}, {2, -3} sum to 0, 2, -3, -1: their best phrase gives 0, 2, 3, 1.
    result = exact_powerset_similarity(regions, phrases)
    assert result.r2t.item() == (0 + 2 + 3 + 1) / 4
    assert result.t2r.item() == (2 + 3) / 2


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_is_the_enumeration_of_all_subsets(count):
    regions, phrases, region_mask, phrase_mask = Problem(n=count, m=6, seed=count).components()
    result = exact_powerset_similarity(regions, phrases, region_mask, phrase_mask)
    for i, j in product(range(len(regions)), range(len(phrases))):
        s = regions[i, region_mask[i]] @ phrases[j, phrase_mask[j]].T
        expected = by_enumeration(s) if s.numel() else (torch.zeros(()), torch.zeros(()))
        assert result.r2t[i, j].item() == pytest.approx(expected[0].item(), abs=1e-12)
        assert result.t2r[i, j].item() == pytest.approx(expected[1].item(), abs=1e-12)


def test_among_equals_the_lowest_phrase_takes_the_gradient():
    regions = torch.ones(1, 2, 1)
    phrases = torch.ones(1, 3, 1, requires_grad=True)
    exact_powerset_similarity(regions, phrases).r2t.backward()
    # Each of the two regions is in half of the subsets.
    assert phrases.grad.flatten().tolist() == [1, 0, 0]


@drawn(max_examples=150)
@given(problems())
def test_matches_the_reference(problem):
    assert_matches_reference(EXACT_POWERSET, problem)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    "sizes",
    [
        (1, 9, 2, 383, 5),
        (65, 6, 3, 64, 5),
        (385, 1, 2, 2, 3),
        (2, 3, 129, 3, 129),
        (1, 12, 1, 9, 4),
    ],
)
def test_matches_the_reference_at_tile_edges(sizes, dtype):
    assert_matches_reference(EXACT_POWERSET, Problem(*sizes, dtype=dtype, seed=sum(sizes)))


@pytest.mark.parametrize("mask", ["none", "random", "some samples"])
def test_gradients(mask):
    assert_gradients(EXACT_POWERSET, Problem(mask=mask, layout="transposed"))


def test_twenty_regions():
    regions, phrases = torch.randn(1, 20, 3), torch.randn(1, 2, 3)
    result = exact_powerset_similarity(regions, phrases)
    # The larger of two sums is half of their total plus half of their absolute difference.
    s = (regions[0] @ phrases[0].T).double()
    difference = torch.zeros(1, dtype=torch.float64)
    for row in s:
        difference = torch.cat([difference, difference + row[0] - row[1]])
    assert result.r2t.item() == pytest.approx(
        (s.sum() / 4 + difference.abs().mean() / 2).item(), rel=1e-5
    )


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("side", [0, 1], ids=["regions", "phrases"])
def test_what_is_not_finite_shows_where_the_references_does(value, side):
    inputs = torch.randn(3, 4, 5), torch.randn(40, 3, 5)
    inputs[side][1, 2, 3] = value
    result = exact_powerset_similarity(*inputs)
    for scores, expected in zip(
        result, exact_powerset.exact_powerset_similarity(*inputs), strict=True
    ):
        torch.testing.assert_close(scores, expected, equal_nan=True)
    # Subsets without the infinite similarity contribute 0 times infinity.
    assert result.r2t.isnan().any()
    assert not result.r2t.isinf().any()


def loss_and_gradients(function, weights, *leaves):
    leaves = [leaf.detach().requires_grad_() for leaf in leaves]
    r2t, t2r = function(*leaves)
    loss = (weights * r2t).sum() + (weights.flip(0) * t2r).sum()
    return r2t, *torch.autograd.grad(loss, leaves)


# In halves of any size, with regions beyond both, and texts beyond a vector.
@pytest.mark.parametrize(
    ("regions", "texts"), [(1, 3), (3, 17), (8, 3), (10, 18), (11, 3), (13, 2)]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_gradients_are_those_of_the_enumeration_in_float64(regions, texts, dtype):
    problem = Problem(2, regions, texts, 7, 5, dtype, seed=regions)
    x, y, region_mask, phrase_mask = problem.components()
    weights = torch.randn(2, texts, dtype=dtype)

    def enumerated(x, y):
        pairs = [
            by_enumeration(region[valid] @ phrase[wanted].T)
            if valid.any() and wanted.any()
            else (x.new_zeros(()), x.new_zeros(()))
            for region, valid in zip(x, region_mask, strict=True)
            for phrase, wanted in zip(y, phrase_mask, strict=True)
        ]
        return (torch.stack(scores).view(2, texts) for scores in zip(*pairs, strict=True))

    found = loss_and_gradients(
        lambda x, y: exact_powerset_similarity(x, y, region_mask, phrase_mask), weights, x, y
    )
    truth = loss_and_gradients(enumerated, weights.double(), x.double(), y.double())
    precise = {"rtol": 1e-5, "atol": 2e-6} if dtype == torch.float32 else {"rtol": 0, "atol": 1e-12}
    torch.testing.assert_close(found[0].double(), truth[0], **precise)
    for grad, wanted, mask in zip(found[1:], truth[1:], (region_mask, phrase_mask), strict=True):
        torch.testing.assert_close(grad.double()[mask], wanted[mask], **precise)
        assert grad[~mask].count_nonzero() == 0


@pytest.mark.parametrize("regions", [2, 10, 12])
def test_float32_loses_no_more_than_the_terms_of_a_sum_do(regions):
    x, y = torch.randn(4, regions, 1), torch.randn(33, 9, 1)
    found = exact_powerset_similarity(x, y).r2t.double()
    truth = exact_powerset_similarity(x.double(), y.double()).r2t
    # A similarity is rounded once, M of them are added, and the means of 2^M such sums are too.
    sizes = torch.einsum("imd,jkd->ijmk", x.double(), y.double()).abs().sum(2).amax(2)
    assert ((found - truth).abs() <= (regions + 2) * torch.finfo(torch.float32).eps * sizes).all()


@pytest.mark.parametrize("regions", [3, 10, 11])
def test_of_equal_phrases_the_first_takes_the_gradient_of_every_subset(regions):
    x, y, *_ = Problem(2, regions, 19, 3, 4, torch.float32, mask="none", grid=True).components()
    weights = torch.randn(2, 19)

    def r2t_alone(x, y):
        return exact_powerset_similarity(x, y).r2t, x.new_zeros(())

    once = loss_and_gradients(r2t_alone, weights, x, y)
    twice = loss_and_gradients(r2t_alone, weights, x, torch.cat([y, y], 1))
    assert twice[0].equal(once[0])
    torch.testing.assert_close(twice[1], once[1])
    torch.testing.assert_close(twice[2][:, :3], once[2])
    assert twice[2][:, 3:].count_nonzero() == 0


def test_nan_reaches_the_pairs_of_its_sample_and_no_other():
    regions, phrases = torch.randn(3, 4, 5), torch.randn(40, 3, 5)
    regions[1, 2, 3] = torch.nan
    for scores in exact_powerset_similarity(regions, phrases):
        assert scores.isnan().all(1).tolist() == scores.isnan().any(1).tolist()
        assert scores.isnan().all(1).tolist() == [False, True, False]
    phrases[7, 2, 0] = torch.nan
    for scores in exact_powerset_similarity(regions[:1], phrases):
        assert scores.isnan()[0].nonzero().tolist() == [[7]]

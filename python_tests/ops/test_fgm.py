import pytest
import torch
from hypothesis import given
from op_testing import (
    DTYPES,
    FGM,
    TILE_EDGES,
    Problem,
    assert_gradients,
    assert_matches_reference,
    drawn,
    edge_problem,
    problems,
)

from alignops import fgm_similarity

# One sample of x with two components against one of y with three:
#   s = [[1, 3, 3],
#        [2, 0, 4]]
X = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
Y = torch.tensor([[[1.0, 2.0], [3.0, 0.0], [3.0, 4.0]]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_case_worked_by_hand(dtype):
    x, y = X.to(dtype), Y.to(dtype)
    x_to_y, y_to_x, x_argmax, y_argmax = torch.ops.alignops.fgm_similarity(x, y)
    assert x_to_y.item() == (3 + 4) / 2
    assert y_to_x.item() == pytest.approx((2 + 3 + 4) / 3, abs=1e-6)
    assert x_argmax.tolist() == [[[1, 2]]]
    assert y_argmax.tolist() == [[[1, 0, 1]]]


def test_masks_leave_out_components_of_the_mean_and_of_the_maximum():
    mask = torch.tensor([[True, True, False]])
    result = fgm_similarity(X, Y, y_mask=mask)
    assert (result.x_to_y.item(), result.y_to_x.item()) == ((3 + 2) / 2, (2 + 3) / 2)
    result = fgm_similarity(X, Y, torch.tensor([[False, True]]), mask)
    assert (result.x_to_y.item(), result.y_to_x.item()) == (2, (2 + 0) / 2)


def test_padding_never_beats_a_negative_similarity():
    x, y = torch.tensor([[[1.0], [0.0]]]), torch.tensor([[[-1.0], [-2.0], [0.0]]])
    masks = torch.tensor([[True, False]]), torch.tensor([[True, True, False]])
    assert fgm_similarity(x, y, *masks) == (-1, -1.5)


def test_among_equals_the_lowest_index_takes_the_gradient():
    x = torch.ones(1, 2, 1, requires_grad=True)
    y = torch.ones(1, 3, 1, requires_grad=True)
    fgm_similarity(x, y).x_to_y.backward()
    assert y.grad.flatten().tolist() == [1, 0, 0]
    x.grad = None
    fgm_similarity(x, y).y_to_x.backward()
    assert x.grad.flatten().tolist() == [1, 0]


@drawn(max_examples=150)
@given(problems(grid=True))
def test_matches_the_reference(problem):
    assert_matches_reference(FGM, problem)


@drawn(max_examples=50)
@given(problems())
def test_matches_the_reference_where_similarities_are_rounded(problem):
    assert_matches_reference(FGM, problem)


@pytest.mark.parametrize("sizes", TILE_EDGES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("swapped", [False, True])
def test_matches_the_reference_at_tile_edges(sizes, dtype, swapped):
    batch, n, other, m, dim = sizes
    sizes = (other, m, batch, n, dim) if swapped else sizes
    assert_matches_reference(FGM, edge_problem(sizes, dtype=dtype, grid=True))


@pytest.mark.parametrize("mask", ["none", "random", "some samples"])
def test_gradients(mask):
    assert_gradients(FGM, Problem(mask=mask, layout="transposed"))


def test_components_by_the_million_have_a_gradient():
    x = torch.ones(1, 2, 1, requires_grad=True)
    y = torch.rand(4, 4_300_000, 1, requires_grad=True)
    fgm_similarity(x, y).y_to_x.sum().backward()
    # The first of two equal components wins for every component of y.
    expected = [y.detach().double().mean(1).sum().item(), 0]
    assert x.grad.flatten().tolist() == pytest.approx(expected, rel=1e-5)
    assert (y.grad == 1 / 4_300_000).all()


def test_scores_of_a_pair_do_not_depend_on_the_rest_of_the_batch():
    x, y = torch.randn(70, 6, 45), torch.randn(90, 4, 45)
    whole, part = fgm_similarity(x, y), fgm_similarity(x[3:8], y[11:50])
    for result, expected in zip(part, whole, strict=True):
        assert torch.equal(result, expected[3:8, 11:50])


def test_nan_reaches_the_pairs_of_its_sample_and_no_other():
    x, y = torch.randn(3, 4, 5), torch.randn(40, 3, 5)
    x[1, 2, 3] = torch.nan
    for scores in (*fgm_similarity(x, y), *(s.T for s in fgm_similarity(y, x))):
        assert scores.isnan().all(1).tolist() == [False, True, False]
        assert scores.isnan().any(1).tolist() == [False, True, False]

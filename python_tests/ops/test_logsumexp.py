import math

import pytest
import torch
from hypothesis import given
from op_testing import (
    DTYPES,
    LOGSUMEXP,
    TILE_EDGES,
    Problem,
    assert_gradients,
    assert_matches_reference,
    drawn,
    edge_problem,
    problems,
)

from alignops import similarity_logsumexp


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_case_worked_by_hand(dtype):
    x, y = torch.tensor([[1.0], [2.0]], dtype=dtype), torch.tensor([[1.0], [3.0]], dtype=dtype)
    row, col = similarity_logsumexp(x, y, 0.5)
    assert row.tolist() == pytest.approx(
        [math.log(math.exp(0.5) + math.exp(1.5)), math.log(math.exp(1) + math.exp(3))]
    )
    assert col.tolist() == pytest.approx(
        [math.log(math.exp(0.5) + math.exp(1)), math.log(math.exp(1.5) + math.exp(3))]
    )


def test_of_nothing_is_minus_infinity_with_zero_gradient():
    x, y = torch.randn(3, 4, requires_grad=True), torch.randn(2, 4, requires_grad=True)
    scale = torch.tensor(2.0, requires_grad=True)
    masks = torch.tensor([True, False, True]), torch.tensor([False, False])
    row, col = similarity_logsumexp(x, y, scale, *masks)
    assert row.tolist() == [-math.inf] * 3
    assert col.tolist() == [-math.inf] * 2
    (row.sum() + col.sum()).backward()
    assert x.grad.count_nonzero() == y.grad.count_nonzero() == scale.grad.count_nonzero() == 0
    assert similarity_logsumexp(x, y[:0], 1.0).row.tolist() == [-math.inf] * 3


@drawn(max_examples=150)
@given(problems())
def test_matches_the_reference(problem):
    assert_matches_reference(LOGSUMEXP, problem)


@pytest.mark.parametrize("sizes", TILE_EDGES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_matches_the_reference_at_tile_edges(sizes, dtype):
    assert_matches_reference(LOGSUMEXP, edge_problem(sizes, dtype=dtype))


@pytest.mark.parametrize("scale", [1e-3, 100.0, 1e6, -3.0])
def test_any_scale(scale):
    x, y, _, *masks = Problem(20, 3, 10, 4, 5, dtype=torch.float32).embeddings()
    row, col = similarity_logsumexp(x, y, scale, *masks)
    logits = scale * x[masks[0]].double() @ y[masks[1]].double().T
    assert torch.allclose(row[masks[0]].double(), logits.logsumexp(1), rtol=1e-5)
    assert torch.allclose(col[masks[1]].double(), logits.logsumexp(0), rtol=1e-5)


@pytest.mark.parametrize("scale", [0.1, 1.2, 20.0], ids=["close", "at-the-limit", "far-apart"])
def test_gradients_of_values_that_lie(scale):
    # Tiles whose values lie within 40 share a maximum, others do not.
    torch.manual_seed(0)
    x, y = torch.randn(600, 8), torch.randn(500, 8)
    weights = torch.randn(600), torch.randn(500)

    def gradients(dtype, logsumexps):
        leaves = [tensor.to(dtype).requires_grad_() for tensor in (x, y)]
        row, col = logsumexps(*leaves)
        loss = (row * weights[0]).sum() + (col * weights[1]).sum()
        return torch.autograd.grad(loss, leaves)

    def by_definition(x, y):
        logits = scale * x @ y.T
        return logits.logsumexp(1), logits.logsumexp(0)

    found = gradients(torch.float32, lambda x, y: similarity_logsumexp(x, y, scale))
    for grad, wanted in zip(found, gradients(torch.float64, by_definition), strict=True):
        assert torch.allclose(grad.double(), wanted, rtol=1e-4, atol=1e-5 * wanted.abs().max())


@pytest.mark.parametrize("mask", ["none", "random"])
def test_gradients(mask):
    assert_gradients(LOGSUMEXP, Problem(2, 2, 3, 1, mask=mask, layout="transposed"))


def test_nan_reaches_its_row_and_every_column():
    x, y = torch.randn(3, 4), torch.randn(400, 4)
    x[1, 2] = torch.nan
    row, col = similarity_logsumexp(x, y, 1.0)
    assert row.isnan().tolist() == [False, True, False]
    assert col.isnan().all()


def test_nan_does_not_hide_what_is_large_in_another_row():
    x, y = torch.tensor([[1000.0], [torch.nan], [3.0]]), torch.ones(64, 1)
    row, _ = similarity_logsumexp(x, y, 1.0)
    assert row[[0, 2]].tolist() == pytest.approx([1000 + math.log(64), 3 + math.log(64)])


def test_an_infinite_similarity_is_not_lost():
    x, y = torch.tensor([[1.0], [-1000.0]]), torch.ones(500, 1)
    y[3] = torch.inf
    row, col = similarity_logsumexp(x, y, 1.0)
    assert row.tolist() == [math.inf, pytest.approx(-1000 + math.log(499))]
    assert col[3].item() == math.inf
    assert col[4].item() == 1


def test_a_tile_of_minus_infinity_takes_nothing_from_the_others():
    x, y = torch.ones(1, 1), torch.full((800, 1), -200.0)
    y[:400] = -torch.inf
    row, col = similarity_logsumexp(x, y, 1.0)
    assert row.item() == pytest.approx(-200 + math.log(400))
    assert col.tolist() == y.flatten().tolist()

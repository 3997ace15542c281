import pytest
import torch
from hypothesis import given
from op_testing import (
    POWERSET,
    TILE_EDGES,
    ZETA,
    Problem,
    assert_gradients,
    assert_matches_reference,
    drawn,
    edge_problem,
    problems,
)
from powerset_truth import assert_no_worse_than_autograd, embeddings

from alignops import exact_powerset_similarity, powerset_similarity
from alignops.reference import powerset as reference


def test_a_case_worked_by_hand():
    regions, phrases = torch.tensor([[[2.0], [-3.0]]]), torch.tensor([[[1.0], [-1.0]]])
    # s = [[2, -2], [-3, 3]]; without smoothing the brackets are |s|/2 * zeta + s/2, summed.
    result = powerset_similarity(regions, phrases, tau=1e-6, zeta=0.0)
    assert result.t2r.item() == pytest.approx((2 + 3) / 2)
    assert result.r2t.item() == pytest.approx(max((2 - 3) / 2, (-2 + 3) / 2))
    result = powerset_similarity(regions, phrases, tau=1e-6, zeta=1.0)
    assert result.r2t.item() == pytest.approx(max(2, 3))
    # One similarity of 0: softplus(0) = log 2, logcosh(0) = 0.
    result = powerset_similarity(torch.zeros(1, 1, 3), torch.zeros(1, 1, 3), tau=0.5)
    assert result.t2r.item() == pytest.approx(0.5 * 0.6931472)
    assert result.r2t.item() == pytest.approx(0, abs=1e-7)


@drawn(max_examples=150)
@given(problems())
def test_matches_the_reference(problem):
    assert_matches_reference(POWERSET, problem)


@pytest.mark.parametrize("sizes", TILE_EDGES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_matches_the_reference_at_tile_edges(sizes, dtype):
    assert_matches_reference(POWERSET, edge_problem(sizes, dtype=dtype))


@pytest.mark.parametrize("mask", ["none", "random", "some samples"])
def test_gradients(mask):
    assert_gradients(POWERSET, Problem(mask=mask, layout="transposed"))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("tau", [1e-6, 1e-4, 1e-2, 1.0, 10.0])
@pytest.mark.parametrize("ratio", [1e-3, 1.0, 1e3, 1e6])
def test_is_stable_from_small_to_large_similarities_over_tau(dtype, tau, ratio):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 7, 8, generator=generator, dtype=torch.float64) * (ratio * tau) ** 0.5
    y = torch.randn(5, 6, 8, generator=generator, dtype=torch.float64) * (ratio * tau) ** 0.5
    # Judged in units of the similarities themselves. The truth in float64 has float64's own error,
    # which grows with s / tau.
    slack = 64 if dtype == torch.float32 else 64 * max(1, ratio)
    assert_no_worse_than_autograd((x.to(dtype), y.to(dtype)), tau, slack, unit=ratio * tau)


@pytest.mark.parametrize("tau", [10.0**exponent for exponent in range(-7, 4)])
@pytest.mark.parametrize("norm", [1, 4, 16, "randn"])
def test_gradients_are_those_of_float64_for_every_tau(tau, norm):
    assert_no_worse_than_autograd(embeddings(norm, (32, 10), (32, 24), 256), tau)


@pytest.mark.parametrize("tau", [1.0, 1e3, 1e6])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_r2t_of_one_phrase_keeps_its_digits_at_a_large_tau(tau, dtype):
    regions, phrases = (t.to(dtype) for t in embeddings(1, (3, 10), (4, 1), 64))
    s = torch.einsum("imd,jkd->ijm", regions.double(), phrases.double())
    # tau logcosh(s / (2 tau)) is s^2 / (8 tau), up to a relative error of (s / tau)^2 / 24.
    expected = (s / 2 + ZETA * s**2 / (8 * tau)).sum(-1)
    result = powerset_similarity(regions, phrases, tau=tau, zeta=ZETA).r2t.double()
    neglected = (ZETA * s**4 / (192 * tau**3)).sum(-1)
    assert (
        (result - expected).abs() <= neglected + 8 * torch.finfo(dtype).eps * s.abs().sum(-1)
    ).all()


@pytest.mark.parametrize("tau", [1e-7, 1e-3, 1.0, 1e3])
def test_weights_of_phrases_sum_to_1(tau):
    # Regions have a 1 in front, and phrases a number c: it adds M c / 2 to every bracket where zeta
    # is 0, so that the derivatives of r2t by all c sum to M / 2 for every pair.
    regions, phrases = (16 * t for t in embeddings(1, (3, 10), (1, 24), 64))
    regions[..., 0] = 1
    phrases.requires_grad_()
    r2t = powerset_similarity(regions, phrases, tau=tau, zeta=0.0).r2t
    for score in r2t.flatten():
        (gradient,) = torch.autograd.grad(score, phrases, retain_graph=True)
        assert gradient[..., 0].sum().item() == pytest.approx(10 / 2, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_infinite_similarity_has_its_limits(dtype, sign):
    large = torch.finfo(dtype).max ** 0.75
    regions = torch.ones(3, 2, 1, dtype=dtype)
    phrases = torch.ones(20, 3, 1, dtype=dtype)
    regions[1, 0], phrases[4] = large, sign * large  # s is sign * inf for all phrases of pair 1, 4
    regions.requires_grad_()
    phrases.requires_grad_()
    of_ours, of_reference = (
        f(regions, phrases, tau=1e-3, zeta=ZETA)
        for f in (powerset_similarity, reference.powerset_similarity)
    )
    for ours, expected in zip(of_ours, of_reference, strict=True):
        torch.testing.assert_close(ours, expected)
    assert of_ours.r2t[1, 4].item() == sign * torch.inf
    assert of_ours.t2r[1, 4].item() == (torch.inf if sign > 0 else 0)
    # The weights of its phrases are inf / inf: only that pair's gradient is NaN.
    (gradient,) = torch.autograd.grad(of_ours.r2t.sum(), phrases)
    assert gradient.isnan().all(-1).all(-1).nonzero().tolist() == [[4]]
    assert gradient.isnan().any(-1).any(-1).nonzero().tolist() == [[4]]


@drawn(max_examples=40)
@given(problems(dtype=torch.float64))
def test_zeta_0_and_1_bound_the_exact_value(problem):
    tau, inputs = 0.01, problem.components()
    exact = exact_powerset_similarity(*inputs).r2t
    lower = powerset_similarity(*inputs, tau=tau, zeta=0.0).r2t
    upper = powerset_similarity(*inputs, tau=tau, zeta=1.0).r2t
    # Both smooth maxima exceed the maximum by up to tau log K; logcosh falls short by M tau log 2.
    smoothing = tau * torch.tensor(max(problem.m, 1)).log().item()
    shortfall = tau * problem.n * 0.6931472
    assert (lower - smoothing <= exact + 1e-9).all()
    assert (exact <= upper + shortfall + 1e-9).all()


def test_t2r_tends_to_the_exact_one_from_above():
    inputs = Problem(seed=3).components()
    exact = exact_powerset_similarity(*inputs).t2r
    gaps = [(powerset_similarity(*inputs, tau=tau).t2r - exact) for tau in (1.0, 0.1, 0.01, 1e-5)]
    assert all((gap >= -1e-12).all() for gap in gaps)
    assert gaps[0].max() > gaps[1].max() > gaps[2].max() > gaps[3].max()
    assert gaps[3].max() < 1e-4


def test_nan_reaches_the_pairs_of_its_sample_and_no_other():
    regions, phrases = torch.randn(3, 4, 5), torch.randn(40, 3, 5)
    regions[1, 2, 3] = torch.nan
    for scores in powerset_similarity(regions, phrases):
        assert scores.isnan().all(1).tolist() == scores.isnan().any(1).tolist()
        assert scores.isnan().all(1).tolist() == [False, True, False]
    phrases[7, 2, 0] = torch.nan
    assert powerset_similarity(regions[:1], phrases).r2t.isnan()[0].nonzero().tolist() == [[7]]
    assert powerset_similarity(regions[:1], phrases).t2r.isnan()[0].nonzero().tolist() == [[7]]

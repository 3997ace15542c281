"""For norms from 1e-22 to 1e25, finite results suffer no intermediate overflow or underflow."""

import pytest
import torch
from op_testing import CONTRASTIVE, LOGSUMEXP, OPS, Problem, evaluate

from alignops import scan_similarity
from alignops.reference import scan as reference

# Powers of two scale exactly. float32 holds 2^-126 to 2^128, and squares of 2^-63 to 2^64.
EXPONENTS = [-73, -65, -30, 30, 62, 66, 83]


@pytest.mark.parametrize("exponent", EXPONENTS)
@pytest.mark.parametrize("op", OPS, ids=str)
def test_what_one_side_grows_and_the_other_shrinks_changes_no_bit(op, exponent):
    # Larger than a tile in no direction: BLAS multiplies alike.
    problem = Problem(9, 4, 8, 5, 6, torch.float32)
    x, y, *rest = op.inputs(problem)
    outputs, (grad_x, grad_y, *grads) = evaluate(op.function, op, (x, y, *rest))
    factor = 2.0**exponent
    scaled, (of_x, of_y, *others) = evaluate(op.function, op, (x * factor, y / factor, *rest))
    for result, expected in zip(
        (*scaled, of_x * factor, of_y / factor, *others),
        (*outputs, grad_x, grad_y, *grads),
        strict=True,
    ):
        assert torch.equal(result, expected)


@pytest.mark.parametrize("norm", [1e-37, 1e-30, 1e-22, 3e-20, 1e-10, 1.0, 1e10, 2e19, 1e25, 1e37])
@pytest.mark.parametrize("function", [scan_similarity, reference.scan_similarity])
def test_scan_sees_directions_whatever_the_norms(function, norm):
    x, y, x_mask, y_mask = Problem(9, 4, 20, 5, 64, torch.float32).components()
    expected = function(x.double(), y.double(), x_mask, y_mask)
    spread = torch.logspace(-2, 2, 20)[:, None, None] if 1e-30 < norm < 1e30 else 1
    for of_x, of_y in [(norm, norm), (norm, 1), (1, norm)]:
        result = function(x * of_x, y * of_y * (spread if of_y != 1 else 1), x_mask, y_mask)
        for score, wanted in zip(result, expected, strict=True):
            torch.testing.assert_close(score.double(), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16], ids=str)
def test_scan_takes_the_whole_range_of_every_type(dtype):
    limits = torch.finfo(dtype)
    x, y, _, _ = Problem(3, 4, 20, 5, 6, dtype, mask="none").components()
    for factor in (limits.tiny * 8, limits.max / 8):
        small, large = x * factor, y / 4 * limits.max
        expected = scan_similarity(small.double() / factor, large.double() / limits.max)
        for score, wanted in zip(scan_similarity(small, large), expected, strict=True):
            torch.testing.assert_close(score.double(), wanted, rtol=1e-4, atol=1e-5)


def gradients(function, leaves, upstream):
    leaves = [leaf.detach().requires_grad_() for leaf in leaves]
    outputs = function(*leaves)
    return torch.autograd.grad(
        outputs, leaves, [upstream.to(o.dtype) * o.new_ones(o.shape) for o in outputs]
    )


@pytest.mark.parametrize("upstream", [1e-25, 1.0, 1e23, 1e25, 1e30])
@pytest.mark.parametrize("spread", [0.1, 38.0, 60.0], ids=["close", "at the limit", "far apart"])
@pytest.mark.parametrize("op", [LOGSUMEXP, CONTRASTIVE], ids=str)
def test_a_large_upstream_gradient_is_handed_on(op, spread, upstream):
    x, y, scale, *rest = op.inputs(Problem(20, 3, 10, 4, 8, torch.float32, mask="none"))
    # Rows of similar values, far from those of the other rows.
    x = torch.linspace(0, spread, len(x))[:, None] / x.shape[1] + x / 100
    leaves = (x, 1 + y / 10, scale / 5)

    def found(x, y, scale):
        return op.function(x, y, scale, *rest)

    def by_definition(x, y, scale):
        return op.reference(x, y, scale, *rest)

    upstream = torch.tensor(upstream, dtype=torch.float64)
    truth = gradients(by_definition, [leaf.double() for leaf in leaves], upstream)
    plain = gradients(by_definition, leaves, upstream)
    for grad, own, wanted in zip(gradients(found, leaves, upstream), plain, truth, strict=True):
        error, of_own = ((g.double() - wanted).abs().max() for g in (grad, own))
        assert error <= 2 * of_own + 1e-5 * wanted.abs().max()

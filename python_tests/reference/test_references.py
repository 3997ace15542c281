"""The references against loops over the definitions, and their backward against autograd."""

import math
from itertools import product

import pytest
import torch

from alignops.reference import contrastive, exact_powerset, fgm, logsumexp, powerset

TAU, ZETA = 0.3, 0.6
GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(3, 4, 5, generator=GENERATOR, dtype=torch.float64)
Y = torch.randn(2, 3, 5, generator=GENERATOR, dtype=torch.float64)
X_MASK = torch.tensor([[True, False, True, True], [False] * 4, [True] * 4])
Y_MASK = torch.tensor([[True, True, False], [False, True, True]])
SCALE = torch.tensor(2.0, dtype=torch.float64)


def fgm_pair(s):
    return s.max(1).values.mean(), s.max(0).values.mean()


def powerset_pair(s):
    softplus = TAU * torch.log1p(torch.exp(s / TAU))
    bracket = s / 2 + ZETA * TAU * torch.log(torch.cosh(s / (2 * TAU)))
    return TAU * torch.logsumexp(bracket.sum(0) / TAU, 0), softplus.sum(0).mean()


def exact_powerset_pair(s):
    q = [torch.tensor(subset, dtype=s.dtype) @ s for subset in product((0, 1), repeat=len(s))]
    return torch.stack([sums.max() for sums in q]).mean(), torch.stack(q).max(0).values.mean()


COMPONENT_REFERENCES = [
    (lambda *a: fgm.fgm_similarity(*a)[:2], fgm_pair),
    (lambda *a: powerset.powerset_similarity(*a, TAU, ZETA), powerset_pair),
    (exact_powerset.exact_powerset_similarity, exact_powerset_pair),
]
NAMES = ["fgm", "powerset", "exact_powerset"]


@pytest.mark.parametrize(("reference", "pair"), COMPONENT_REFERENCES, ids=NAMES)
def test_is_its_definition_pair_by_pair(reference, pair):
    results = reference(X, Y, X_MASK, Y_MASK)
    for i, j in product(range(len(X)), range(len(Y))):
        s = X[i, X_MASK[i]] @ Y[j, Y_MASK[j]].T
        expected = pair(s) if s.numel() else (torch.zeros(()), torch.zeros(()))
        for result, value in zip(results, expected, strict=True):
            assert result[i, j].item() == pytest.approx(value.item(), abs=1e-12)


def test_logsumexp_is_its_definition():
    row, col = logsumexp.similarity_logsumexp(X[0], Y[0], SCALE, X_MASK[0], Y_MASK[0])
    s = 2.0 * X[0] @ Y[0].T
    kept = s[X_MASK[0]][:, Y_MASK[0]].exp()
    assert row[X_MASK[0]].tolist() == pytest.approx(kept.sum(1).log().tolist())
    assert col[Y_MASK[0]].tolist() == pytest.approx(kept.sum(0).log().tolist())
    assert row[1].item() == col[2].item() == -math.inf


def fgm_backward(g, h, x, y, x_mask, y_mask):
    winners = fgm.fgm_similarity(x, y, x_mask, y_mask)[2:]
    return fgm.fgm_similarity_backward(g, h, x, y, x_mask, y_mask, *winners)


def powerset_backward(g, h, x, y, x_mask, y_mask):
    return powerset.powerset_similarity_backward(g, h, x, y, x_mask, y_mask, TAU, ZETA)


BACKWARDS = [fgm_backward, powerset_backward, exact_powerset.exact_powerset_similarity_backward]


@pytest.mark.parametrize("masks", [(None, None), (X_MASK, Y_MASK)], ids=["all", "masked"])
@pytest.mark.parametrize(
    ("reference", "backward"),
    [(r, b) for (r, _), b in zip(COMPONENT_REFERENCES, BACKWARDS, strict=True)],
    ids=NAMES,
)
def test_backward_is_what_autograd_derives(reference, backward, masks):
    x, y = X.clone().requires_grad_(), Y.clone().requires_grad_()
    outputs = reference(x, y, *masks)
    seeds = [torch.randn(3, 2, generator=GENERATOR, dtype=torch.float64) for _ in outputs]
    expected = torch.autograd.grad(outputs, (x, y), seeds)
    for gradient, wanted in zip(backward(*seeds, X, Y, *masks), expected, strict=True):
        torch.testing.assert_close(gradient, wanted)


@pytest.mark.parametrize("masks", [(None, None), (X_MASK[0], Y_MASK[0])], ids=["all", "masked"])
def test_logsumexp_backward_is_what_autograd_derives(masks):
    leaves = [t.clone().requires_grad_() for t in (X[0], Y[0], SCALE)]
    outputs = logsumexp.similarity_logsumexp(*leaves, *masks)
    seeds = [torch.randn(o.shape, generator=GENERATOR, dtype=torch.float64) for o in outputs]
    expected = torch.autograd.grad(outputs, leaves, seeds)
    saved = [o.detach() for o in outputs]
    gradients = logsumexp.similarity_logsumexp_backward(*seeds, X[0], Y[0], SCALE, *masks, *saved)
    for gradient, wanted in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, wanted)


# Image 1 has no text, image 3 only a negative one.
OF, POSITIVE = torch.tensor([0, 2, 2, 0, 3]), torch.tensor([True, True, True, False, False])
TEXTS = torch.randn(5, 5, generator=GENERATOR, dtype=torch.float64)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_contrastive_is_its_definition(reduction):
    loss, row, col = contrastive.multi_positive_contrastive_loss(
        X[2], TEXTS, OF, POSITIVE, SCALE, reduction
    )
    z = 2.0 * X[2] @ TEXTS.T
    of_image, of_text = z.log_softmax(1), z.log_softmax(0)
    by_image = -of_image[0, 0] - (of_image[2, 1] + of_image[2, 2]) / 2
    by_text = -of_text[0, 0] - of_text[2, 1] - of_text[2, 2]
    if reduction == "mean":
        by_image, by_text = by_image / 2, by_text / 3
    assert loss.item() == pytest.approx(((by_image + by_text) / 2).item())
    assert row.tolist() == pytest.approx(z.exp().sum(1).log().tolist())
    assert col.tolist() == pytest.approx(z.exp().sum(0).log().tolist())


@pytest.mark.parametrize("positive", [None, POSITIVE], ids=["all", "some"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_contrastive_backward_is_what_autograd_derives(reduction, positive):
    leaves = [t.clone().requires_grad_() for t in (X[2], TEXTS, SCALE)]
    loss, row, col = contrastive.multi_positive_contrastive_loss(
        *leaves[:2], OF, positive, leaves[2], reduction
    )
    grad = torch.tensor(1.5, dtype=torch.float64)
    expected = torch.autograd.grad(loss, leaves, grad)
    gradients = contrastive.multi_positive_contrastive_loss_backward(
        grad, X[2], TEXTS, OF, positive, SCALE, reduction, row.detach(), col.detach()
    )
    for gradient, wanted in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, wanted)


def test_fgm_keeps_winners_in_the_smallest_type():
    assert [fgm.argmax_dtype(count) for count in (1, 256, 257, 32768, 32769)] == [
        torch.uint8,
        torch.uint8,
        torch.int16,
        torch.int16,
        torch.int32,
    ]

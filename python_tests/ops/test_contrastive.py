from contextlib import nullcontext
from functools import partial

import pytest
import torch
from hypothesis import given
from op_testing import (
    CONTRASTIVE,
    Problem,
    assert_gradients,
    assert_matches_reference,
    contrastive_by_formula,
    drawn,
    problems,
    with_grad,
)
from torch.nn.functional import cross_entropy, normalize

from alignops import multi_positive_contrastive_loss
from alignops.ops import backend


def embeddings(count, dim=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(count, dim, generator=generator, dtype=torch.float64), dim=-1)


def test_is_clips_loss_where_every_image_has_one_text():
    image, text, of = embeddings(9), embeddings(9, seed=1), torch.arange(9)
    logits = 14 * image @ text.T
    expected = (cross_entropy(logits, of) + cross_entropy(logits.T, of)) / 2
    loss = multi_positive_contrastive_loss(image, text, of, logit_scale=14.0)
    assert loss.item() == pytest.approx(expected.item())


def test_a_case_worked_by_hand():
    # Image 0 has a positive and a negative, image 1 nothing; every logit is 0.
    loss = partial(
        multi_positive_contrastive_loss,
        torch.zeros(2, 3),
        torch.zeros(3, 3),
        torch.tensor([0, 0, 0]),
        torch.tensor([True, True, False]),
        logit_scale=1.0,
    )
    log2, log3 = 0.6931472, 1.0986123
    assert loss().item() == pytest.approx((log3 + log2) / 2)
    assert loss(reduction="sum").item() == pytest.approx((log3 + 2 * log2) / 2)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@drawn(max_examples=60)
@given(problems())
def test_is_mosaiclips_formula(reduction, problem):
    image, text, scale, of, positive = problem.images_and_texts()
    loss = multi_positive_contrastive_loss(
        image, text, of, positive, logit_scale=scale, reduction=reduction
    )
    (expected,) = contrastive_by_formula(
        image.double(), text.double(), scale.double(), of, positive, reduction
    )
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-5)


@drawn(max_examples=60)
@given(problems())
def test_gradients_match_the_formula(problem):
    assert_matches_reference(CONTRASTIVE, problem)


@pytest.mark.parametrize(("images", "texts"), [(511, 3), (3, 513), (260, 300)])
def test_texts_meet_their_images_across_tiles(images, texts):
    problem = Problem(images, 1, texts, 1, 17, torch.float32)
    assert_matches_reference(CONTRASTIVE, problem)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_reference_backend_gives_the_same(reduction):
    inputs = with_grad(CONTRASTIVE, Problem().images_and_texts())
    own = CONTRASTIVE.function(*inputs, reduction)[0]
    of_own = torch.autograd.grad(own, inputs[:3])
    with backend("reference"):
        defined = CONTRASTIVE.function(*inputs, reduction)[0]
        of_defined = torch.autograd.grad(defined, inputs[:3])
    for result, expected in zip((own, *of_own), (defined, *of_defined), strict=True):
        torch.testing.assert_close(result, expected)


@pytest.mark.parametrize("where", ["compiled", "reference"])
def test_a_nan_of_a_negative_text_shows(where):
    text = embeddings(3, seed=1)
    text[2] = torch.nan
    with backend("reference") if where == "reference" else nullcontext():
        loss = multi_positive_contrastive_loss(
            embeddings(2),
            text,
            torch.tensor([0, 1, 1]),
            torch.tensor([True, True, False]),
            logit_scale=2.0,
        )
    assert loss.isnan()


@pytest.mark.parametrize("image", [-1, 2])
@pytest.mark.parametrize("kernel", [nullcontext, partial(backend, "reference")])
def test_a_text_of_no_image_is_refused(image, kernel):
    expected = rf"image_index\[1\] is {image}; expected the index of one of 2 images"
    with kernel(), pytest.raises(ValueError, match=expected):
        multi_positive_contrastive_loss(
            embeddings(2), embeddings(2), torch.tensor([0, image]), logit_scale=1.0
        )


@pytest.mark.parametrize("mask", ["none", "random"])
def test_gradients(mask):
    assert_gradients(CONTRASTIVE, Problem(2, 2, 3, 2, mask=mask, layout="transposed"))


def test_without_a_positive_text_it_is_0_with_zero_gradient():
    image, text = embeddings(3).requires_grad_(), embeddings(2).requires_grad_()
    loss = multi_positive_contrastive_loss(
        image, text, torch.tensor([0, 2]), torch.tensor([False, False]), logit_scale=2.0
    )
    loss.backward()
    assert loss.item() == image.grad.count_nonzero() == text.grad.count_nonzero() == 0


def test_logit_scale_is_a_float_or_a_tensor_with_gradient():
    image, text, of = embeddings(4), embeddings(6, seed=1), torch.tensor([0, 0, 1, 2, 3, 3])
    scale = torch.tensor(3.0, requires_grad=True)
    loss = multi_positive_contrastive_loss(image, text, of, logit_scale=scale)
    loss.backward()
    nearby = [
        multi_positive_contrastive_loss(image, text, of, logit_scale=3 + step).item()
        for step in (-1e-4, 0, 1e-4)
    ]
    assert loss.item() == nearby[1]
    assert scale.grad.item() == pytest.approx((nearby[2] - nearby[0]) / 2e-4, rel=1e-5)


def test_a_process_group_is_refused():
    with pytest.raises(NotImplementedError, match=r"group is of type object; expected None, as"):
        multi_positive_contrastive_loss(
            embeddings(2), embeddings(2), torch.arange(2), logit_scale=1.0, group=object()
        )

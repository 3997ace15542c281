import math

import pytest
import torch
from torch import nn

from alignops.losses import MomentumContrastiveLoss, momentum_copy


def batch(size, seed, dim=3):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(4, size, dim, generator=generator, dtype=torch.float64).unbind()


def unit(vector):
    return vector / vector.norm()


def info_nce(queries, keys, queue, temperature=0.07):
    total = 0.0
    for query, key in zip(queries, keys, strict=True):
        own = unit(query) @ unit(key) / temperature
        scores = [own, *(unit(query) @ earlier / temperature for earlier in queue)]
        total = total - (own - torch.log(sum(torch.exp(score) for score in scores)))
    return total / len(queries)


def test_the_loss_waits_for_a_full_queue_and_is_then_the_equation():
    loss = MomentumContrastiveLoss(3, queue=5).double()
    image_keys, text_keys = [], []
    for step in range(5):
        image, text, image_key, text_key = batch(2, seed=step)
        image.requires_grad_()
        text.requires_grad_()
        given = loss(image, text, image_key, text_key)
        if step < 3:
            assert given.item() == 0
            gradients = torch.autograd.grad(given, (image, text))
            assert not any(gradient.any() for gradient in gradients)
        else:
            expected = info_nce(image, text_key, text_keys[-5:])
            expected = expected + info_nce(text, image_key, image_keys[-5:])
            assert torch.allclose(given, expected)
            for one, other in zip(
                torch.autograd.grad(given, (image, text)),
                torch.autograd.grad(expected, (image, text)),
                strict=True,
            ):
                assert torch.allclose(one, other)
        image_keys += [unit(key) for key in image_key]
        text_keys += [unit(key) for key in text_key]
    assert loss.enqueued.item() == 10


def test_a_batch_larger_than_the_queue_leaves_its_end():
    loss = MomentumContrastiveLoss(3, queue=2).double()
    image, text, image_key, text_key = batch(5, seed=0)
    loss(image, text, image_key, text_key)
    kept = torch.stack([unit(key) for key in image_key[-2:]])
    assert torch.allclose(loss.image_queue.sort(dim=0).values, kept.sort(dim=0).values)
    assert loss(image, text, image_key, text_key).item() > 0


def test_no_gradient_goes_through_keys_or_queue():
    loss = MomentumContrastiveLoss(3, queue=2).double()
    for step in range(2):
        sides = [side.requires_grad_() for side in batch(2, seed=step)]
        given = loss(*sides)
    given.backward()
    assert sides[0].grad.any()
    assert sides[2].grad is None
    assert not loss.text_queue.requires_grad


def test_a_state_restores_queue_and_count():
    loss, other = (MomentumContrastiveLoss(3, queue=4).double() for _ in range(2))
    for step in range(3):
        loss(*batch(2, seed=step))
    other.load_state_dict(loss.state_dict())
    last = batch(2, seed=9)
    assert torch.equal(loss(*last), other(*last))
    assert torch.equal(loss.text_queue, other.text_queue)


def test_the_copy_starts_equal_and_follows_slowly():
    encoder = nn.Linear(1, 1, bias=False)
    copy = momentum_copy(encoder, decay=0.9)
    course, value = [], None
    for weight in (1.0, 2.0, 3.0):
        nn.init.constant_(encoder.weight, weight)
        copy.update_parameters(encoder)
        value = weight if value is None else 0.9 * value + 0.1 * weight
        course.append(copy.module.weight.item())
        assert math.isclose(course[-1], value, rel_tol=1e-6)
    assert not any(weight.requires_grad for weight in copy.parameters())


def test_the_queue_must_hold_something():
    with pytest.raises(ValueError, match="queue is 0; expected a whole number of at least 1"):
        MomentumContrastiveLoss(3, queue=0)

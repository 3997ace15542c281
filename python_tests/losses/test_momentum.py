import copy
import math
import pickle
import sys
from pathlib import Path

import pytest
import torch
from child_process import start_python
from torch import distributed, nn

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


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_can_be_copied_and_pickled_and_follows_on(copied):
    encoder = nn.Linear(2, 2)
    first = momentum_copy(encoder, decay=0.9)
    first.update_parameters(encoder)
    second = copied(first)
    nn.init.constant_(encoder.weight, 3.0)
    for one in (first, second):
        one.update_parameters(encoder)
    assert torch.equal(first.module.weight, second.module.weight)
    assert not second.module.weight.requires_grad
    loss = MomentumContrastiveLoss(3, queue=4)
    loss(*(side.float() for side in batch(2, seed=0)))
    assert torch.equal(copied(loss).image_queue, loss.image_queue)


def test_keys_of_another_number_are_refused():
    image, text, image_key, _ = batch(2, seed=0)
    loss = MomentumContrastiveLoss(3, queue=4).double()
    with pytest.raises(ValueError, match=r"text_key is .*; expected 2 rows, one for each of image"):
        loss(image, text, image_key, batch(3, seed=0)[0])
    assert loss.enqueued.item() == 0


def test_the_queues_move_and_are_saved_as_buffers_are():
    loss = MomentumContrastiveLoss(3, queue=4)
    assert set(loss.state_dict()) == {"image_queue", "text_queue", "enqueued"}
    assert not list(loss.buffers())
    assert loss.double().image_queue.dtype == torch.float64
    assert loss.enqueued.dtype == torch.int64
    with pytest.raises(RuntimeError, match="size mismatch for image_queue"):
        loss.load_state_dict(MomentumContrastiveLoss(3, queue=5).state_dict())
    with pytest.raises(RuntimeError, match="Missing key"):
        loss.load_state_dict({})
    assert loss.to("meta").text_queue.device.type == "meta"


def test_each_process_keeps_queues_of_its_own_keys_under_ddp(tmp_path):
    children = [start_python(__file__, rank, tmp_path / "store", tmp_path) for rank in range(2)]
    for child in children:
        assert child.wait(timeout=120) == 0
    queues = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    for rank, queue in enumerate(queues):
        expected = [batch(2, seed=2 * step + rank)[2] for step in range(2)]
        assert torch.allclose(queue, nn.functional.normalize(torch.cat(expected), dim=-1).float())


class Model(nn.Module):
    """A module for DistributedDataParallel: weights, a buffer that it broadcasts, and the loss."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(3, 3)
        self.register_buffer("step", torch.zeros(()))
        self.loss = MomentumContrastiveLoss(3, queue=4)

    def forward(self, image, text, image_key, text_key):
        return self.loss(self.encoder(image), self.encoder(text), image_key, text_key)


def train(rank, store, folder):
    """Train two steps in one of two processes, and save its queue of images."""
    distributed.init_process_group("gloo", f"file://{store}", rank=rank, world_size=2)
    model = nn.parallel.DistributedDataParallel(Model())
    for step in range(2):
        loss = model(*(side.float() for side in batch(2, seed=2 * step + rank)))
        loss.backward()
    torch.save(model.module.loss.image_queue, folder / f"{rank}.pt")
    distributed.destroy_process_group()


def test_the_queue_must_hold_something():
    with pytest.raises(ValueError, match="queue is 0; expected a whole number of at least 1"):
        MomentumContrastiveLoss(3, queue=0)


if __name__ == "__main__":
    train(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))

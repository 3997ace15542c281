import pytest

from alignops.training.sampler import StepSampler


def batches(**overrides):
    settings = {"seed": 1, "start": 0, "steps": 7, **overrides}
    return list(StepSampler(10, 3, **settings))


def test_an_epoch_visits_every_item_at_most_once():
    first_epoch = [example.index for batch in batches()[:3] for example in batch]
    assert len(set(first_epoch)) == 9
    second_epoch = [example.index for batch in batches()[3:6] for example in batch]
    assert second_epoch != first_epoch


def test_a_later_start_continues_the_same_order():
    assert batches(start=4) == batches()[4:]


def test_an_item_draws_anew_in_each_epoch():
    draws = [example.draw for batch in batches() for example in batch]
    assert len(set(draws)) == len(draws)


def test_too_few_items_for_a_batch_are_refused():
    with pytest.raises(
        ValueError, match=r"loop\.batch_size is 11; expected at most 10, the number"
    ):
        StepSampler(10, 11, seed=0, start=0, steps=1)

import pytest

from alignops.data import Splits, require_images, split_keys

KEYS = [f"{index}.jpg" for index in range(100)]


def test_shares_and_order():
    splits = split_keys(KEYS, validation=0.1, test=0.25)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [65, 10, 25]
    assert sorted(splits.train + splits.validation + splits.test) == sorted(KEYS)
    assert splits.train == sorted(splits.train, key=KEYS.index)


def test_the_order_of_the_keys_has_no_influence():
    forward = split_keys(KEYS, validation=0.1, test=0.1, seed=3)
    backward = split_keys(KEYS[::-1], validation=0.1, test=0.1, seed=3)
    assert set(forward.test) == set(backward.test)
    assert set(forward.validation) == set(backward.validation)


def test_a_group_stays_together_and_moves_no_other_key():
    alone = split_keys(KEYS, validation=0.2, test=0.2)
    copies = [*alone.train[:2], alone.validation[0], alone.test[0]]
    groups = {"5.jpg": "another"} | dict.fromkeys(copies, "one photo")
    together = split_keys(KEYS, validation=0.2, test=0.2, groups=groups)
    sides = (together.train, together.validation, together.test)
    assert [set(copies) <= set(side) for side in sides].count(True) == 1
    for side, before in zip(sides, (alone.train, alone.validation, alone.test), strict=True):
        assert set(side) - set(copies) == set(before) - set(copies)
    backward = split_keys(KEYS[::-1], validation=0.2, test=0.2, groups=groups)
    assert set(backward.test) == set(together.test)


def test_a_part_without_images_is_named():
    require_images(Splits(["a"], ["b"], ["c"]))
    message = r"test is a part without images \(3 train, 1 validation, 0 test\); expected at least"
    with pytest.raises(ValueError, match=message):
        require_images(Splits(["a"] * 3, ["b"], []))


@pytest.mark.parametrize(
    ("keys", "validation", "test", "message"),
    [
        (KEYS, 0.1, 1.0, r"test is 1.0; expected a share in \[0, 1\)"),
        (KEYS, -0.1, 0.1, r"validation is -0.1; expected a share in \[0, 1\)"),
        (KEYS, 0.5, 0.5, r"validation \+ test is 1.0; expected a share below 1"),
        (["a", "a"], 0.1, 0.1, "keys holds a name twice; expected different ones"),
    ],
)
def test_errors(keys, validation, test, message):
    with pytest.raises(ValueError, match=message):
        split_keys(keys, validation=validation, test=test)
